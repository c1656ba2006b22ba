"""What `unigs plan` says against what a run then made.

    python -m benchmarks.operations.plan STORE [--preset tiny] [--dataset shapes] [--root DIR]
        [--memory] [--watch]

Reads the manifests of a finished store and prints planned and made samples, shards and bytes,
folder by folder, and of the run the steps and what lies on the disk. `--watch`, started beside
`unigs run`, waits for the end of the training and prints the most that lay there: the plan counts
the checkpoint that is being written beside those that are kept. `--memory` also trains a few
steps on random latents of the preset's shapes and compares the peak of torch's allocator, as its
profiler counts it, with the planned one.
"""

from __future__ import annotations

import argparse
import json
import time
from contextlib import suppress
from pathlib import Path

import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

from tests.support.models.training_memory import EVERY, STEPS, most_bytes
from unigs.config.preset import Preset, load_preset
from unigs.errors import DataError
from unigs.io.machine import machine
from unigs.models.unet import build_unet
from unigs.shards.manifest import RECORDS, SAMPLES, read_manifest
from unigs.workflows.plan.activations import Device
from unigs.workflows.plan.memory import process_memory
from unigs.workflows.plan.network import measure_network
from unigs.workflows.plan.plan import Planner, folder_bytes

TEXT = (24, 128)
# Seconds between two looks at the disk; a checkpoint lies there for longer.
LOOK = 5.0


def watch(base: Path) -> int:
    """Return the most bytes that lay in the folder of a run until its joint model was trained."""
    most = 0
    while not (base / "weights" / "joint" / "training.json").is_file():
        if base.is_dir():
            with suppress(FileNotFoundError):  # renamed while it was looked at
                most = max(most, folder_bytes(base))
        time.sleep(LOOK)
    return max(most, folder_bytes(base))


def folders(planner: Planner, store: Path, name: str, most: int) -> None:
    """Print planned against made, folder by folder; ``most`` bytes lay there at once, 0 if nobody
    watched."""
    plan = planner.plan()
    print("| folder | samples | shards | bytes of shards | of latents | of prompts | of tables |")
    print("|---|---|---|---|---|---|---|")
    for planned in plan.folders:
        place = store / f"{planned.dataset}-{name}" / "shards" / planned.split / planned.task
        latents = store / f"{planned.dataset}-{name}" / "latents" / planned.split / planned.task
        try:
            pixels = read_manifest(place)
            encoded = read_manifest(latents)
        except DataError as error:
            raise SystemExit(f"{error}") from error
        pairs = [
            (planned.samples, pixels.samples),
            (planned.shards, len(pixels.shards)),
            (planned.shard_bytes, sum(shard.bytes for shard in pixels.shards)),
            (planned.latent_bytes, sum(shard.bytes for shard in encoded.shards)),
            (
                planned.text_bytes,
                sum((latents / f).stat().st_size for f in ("text.safetensors", "prompts.json")),
            ),
            (planned.table_bytes, sum(map(_tables, (place, latents)))),
        ]
        cells = [_beside(said, made) for said, made in pairs]
        print(f"| {planned.split} {planned.task} | {' | '.join(cells)} |")
    base = store / f"{planner.dataset}-{name}"
    trained = json.loads((base / "weights" / "joint" / "training.json").read_text())
    print(f"steps: {_beside(plan.steps, trained['steps'])}")
    print(f"bytes of the run: {_beside(plan.disk_bytes, folder_bytes(base))}")
    if most:
        print(f"at their most: {_beside(plan.disk_bytes, most)}")


def _beside(said: int, made: int) -> str:
    return f"{said:,} / {made:,} ({said / made - 1:+.1%})"


def _tables(folder: Path) -> int:
    return sum(
        file.stat().st_size for file in (folder / SAMPLES, *(folder / RECORDS).glob("*.json"))
    )


def memory(preset: Preset) -> None:
    """Print planned and seen peaks of tensors, for some batches and ways of training."""
    architecture = preset.unet.architecture
    if architecture is None:
        raise SystemExit(f"{preset.name}: --memory needs a UNet from scratch")
    side = preset.data.size // preset.autoencoder.patch_size
    shape = (preset.autoencoder.latent_channels, side, side)
    here = machine()
    device = Device(here.low_precision, cuda=False, fused_attention=here.fused_attention)
    print("| batch | optimiser | gradient checkpointing | planned MiB | seen MiB | |")
    print("|---:|---|---|---:|---:|---:|")
    for changes in (
        {"batch_size": 16, "optimizer": "muon"},
        {"batch_size": 16, "optimizer": "adamw"},
        {"batch_size": 64, "optimizer": "adamw"},
        {"batch_size": 64, "optimizer": "adamw", "gradient_checkpointing": True},
    ):
        training = preset.training.model_copy(
            update={"steps": STEPS, "checkpoint_every": EVERY, **changes}
        )
        with torch.device("meta"):
            unet: UNet2DConditionModel = build_unet(architecture, shape[0])
        network = measure_network(unet, training, shape, TEXT, device)
        low = here.low_precision.itemsize
        said = process_memory(network, training, 1, STEPS, 0, low, accelerator=False).peak
        most = most_bytes(architecture, training, preset.diffusion, shape, TEXT)
        recomputed = "yes" if training.gradient_checkpointing else "no"
        print(
            f"| {training.batch_size} | {training.optimizer} | {recomputed} | {said / 2**20:.1f} "
            f"| {most / 2**20:.1f} | {said / most - 1:+.1%} |"
        )


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("store", type=Path)
    parser.add_argument("--preset", default="tiny")
    parser.add_argument("--dataset", default="shapes")
    parser.add_argument("--root", default="")
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--watch", action="store_true")
    options = parser.parse_args()
    preset = load_preset(options.preset)
    most = watch(options.store / f"{options.dataset}-{preset.name}") if options.watch else 0
    began = time.monotonic()
    folders(Planner(preset, options.dataset, options.root), options.store, preset.name, most)
    print(f"planned in {time.monotonic() - began:.0f} s")
    if options.memory:
        memory(preset)


if __name__ == "__main__":
    main()
