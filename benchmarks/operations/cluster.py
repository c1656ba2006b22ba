"""What a large set asks of a cluster, on paper: shards, bytes, hours and cost by number of devices.

    python -m benchmarks.operations.cluster --root OPEN_IMAGES --photographs 1800000 --devices 8 64

Plans the set that lies at ROOT (`unigs plan`; both of its splits), however few of its photographs
are there, and scales that to so many. Rates that no one has measured here follow from counted
operations at the share of the peak that `unigs plan` assumes. Prints Markdown.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from torch.utils.flop_counter import FlopCounterMode

from unigs.config.preset import load_preset
from unigs.workflows.plan.plan import PEAKS, REACHED, Plan, Planner

# Pictures that are encoded for a sample: inpainting's control is one of its own.
ENCODED = {"inpainting": 3, "synthesis": 2, "referring": 2, "entity": 2}
# Of Stable Diffusion 1's autoencoder; the other settings are diffusers' defaults.
AUTOENCODER: dict[str, Any] = {
    "block_out_channels": (128, 256, 512, 512),
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "layers_per_block": 2,
    "latent_channels": 4,
}


def encoder_flop(side: int) -> int:
    """Operations of Stable Diffusion 1's encoder on one picture of so many pixels a side."""
    with torch.device("meta"):
        autoencoder = AutoencoderKL(**AUTOENCODER)
        picture = torch.zeros(1, 3, side, side)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        autoencoder.encode(picture)  # type: ignore[no-untyped-call]
    return counter.get_total_flops()


def amounts(plan: Plan, photographs: int, per_photograph: float) -> dict[str, float]:
    """Samples, bytes and encoded pictures of the training split, scaled."""
    found = dict.fromkeys(("samples", "pixels", "latents", "text", "tables", "encoded"), 0.0)
    for folder in plan.folders:
        if folder.split == "train":
            samples = photographs * per_photograph
            scale = samples / folder.samples
            found["samples"] += samples
            found["pixels"] += folder.shard_bytes * scale
            found["latents"] += folder.latent_bytes * scale
            found["tables"] += folder.table_bytes * scale
            found["encoded"] += samples * ENCODED[folder.task]
            # at most: every sample its own prompt, but for a task of one prompt
            rows = 1 if folder.task == "entity" else samples
            found["text"] += folder.text_bytes / (folder.prompts + 1) * rows
    return found


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--dataset", default="open_images")
    parser.add_argument("--preset", default="sd15")
    parser.add_argument("--photographs", type=int, default=1_800_000)
    parser.add_argument(
        "--usable", type=float, default=1.0, help="samples of a photograph and a task"
    )
    parser.add_argument("--devices", type=int, nargs="+", default=[8, 64])
    parser.add_argument("--kind", choices=PEAKS, default="h100")
    parser.add_argument("--cores", type=int, default=16, help="processor cores for each device")
    parser.add_argument("--sample-ms", type=float, required=True, help="to build one, of one core")
    parser.add_argument("--efficiency", type=float, nargs="+", default=[1.0, 1.0])
    parser.add_argument("--price", type=float, required=True, help="of a device and an hour")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    preset = load_preset(options.preset, {})
    planner = Planner(preset, options.dataset, str(options.root), True)
    plan = planner.plan(devices=1, rate=options.kind)
    found = amounts(plan, options.photographs, options.usable)
    epochs = preset.training.epochs or 1
    assert plan.images_per_second is not None
    encoding = PEAKS[options.kind] * REACHED / encoder_flop(preset.data.size)
    rows = []
    for devices, efficiency in zip(options.devices, options.efficiency, strict=True):
        hours = {
            "shards": found["samples"] * options.sample_ms / 3.6e6 / (devices * options.cores),
            "latents": found["encoded"] / encoding / 3600 / devices,
            "one epoch": found["samples"] / plan.images_per_second / 3600 / devices / efficiency,
        }
        hours[f"{epochs} epochs"] = epochs * hours["one epoch"]
        rows.append({"devices": devices, **hours})
    result = {**found, "encoded_per_second": encoding, "images_per_second": plan.images_per_second}
    if options.json:
        print(json.dumps({**result, "rows": rows}))
        return
    for name in ("samples", "encoded"):
        print(f"{name}: {found[name] / 1e6:,.1f} million")
    for name in ("pixels", "latents", "text", "tables"):
        print(f"{name}: {found[name] / 1e12:.2f} TB")
    print(f"a device encodes {encoding:.0f} and trains on {plan.images_per_second:.0f} images/s\n")
    print("| devices | " + " | ".join(f"hours: {name}" for name in list(rows[0])[1:]) + " | cost |")
    print("|---" * (len(rows[0]) + 1) + "|")
    for row in rows:
        paid = sum(row[name] for name in ("shards", "latents", f"{epochs} epochs"))
        cells = [f"{value:,.1f}" for value in list(row.values())[1:]]
        cost = paid * row["devices"] * options.price
        print(f"| {row['devices']} | {' | '.join(cells)} | {cost:,.0f} |")


if __name__ == "__main__":
    main()
