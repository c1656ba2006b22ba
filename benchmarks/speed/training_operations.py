"""The operations of a preset's training: forward and backward, and the optimiser's beside them.

    python -m benchmarks.speed.training_operations [--presets tiny small] [--json]

One sample's forward and backward pass and one step of the optimiser are counted by
`torch.utils.flop_counter` (multiplications and additions of matrix products and convolutions);
the rest follows, since a step costs its samples alike. What Muon counts is its Newton-Schulz.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass

import torch
from diffusers.models.attention_processor import AttnProcessor
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from unigs.config.preset import Preset, load_preset
from unigs.io.machine import machine
from unigs.models.noise_schedule import build_scheduler
from unigs.models.unet import build_unet
from unigs.training.batch_errors import batch_errors
from unigs.training.optimizer import build_optimizer


@dataclass(frozen=True)
class Operations:
    """`forward` and `sample` (forward and backward) of one sample and `optimizer` of one step in
    GFLOP; `training` (forward and backward) and `optimizer_training` of all steps in TFLOP."""

    steps: int
    batch_size: int
    forward: float
    sample: float
    optimizer: float
    training: float
    optimizer_training: float


def operations(preset: Preset) -> Operations:
    """Count a preset that trains from scratch for a given number of steps."""
    steps, architecture = preset.training.steps, preset.unet.architecture
    if steps is None or architecture is None or preset.autoencoder.source is not None:
        raise SystemExit(f"{preset.name}: needs training.steps and parts made from scratch")
    unet = build_unet(architecture, preset.autoencoder.latent_channels)
    # As training does on a processor; the counter sees nothing of the fused kernel there.
    unet.set_attn_processor(AttnProcessor())
    training = preset.training.model_copy(update={"precision": "fp32"})
    scheduler, batch = build_scheduler(preset.diffusion), _sample(preset)
    noise = torch.zeros_like(torch.cat([batch["image"], batch["colormap"]], 1))
    timesteps = torch.tensor([scheduler.config["num_train_timesteps"] - 1])
    device = torch.device("cpu")

    def errors() -> Tensor:
        return batch_errors(unet, scheduler, training, batch, timesteps, noise, device)

    # The products by which it finds what the processor does well are no part of a training.
    machine(device)
    with FlopCounterMode(display=False) as forward, torch.no_grad():
        errors()
    with FlopCounterMode(display=False) as whole:
        errors().mean().backward()
    optimizer = build_optimizer([p for p in unet.parameters() if p.requires_grad], training)
    with FlopCounterMode(display=False) as update:
        optimizer.step()
    sample, step = whole.get_total_flops(), update.get_total_flops()
    return Operations(
        steps=steps,
        batch_size=training.batch_size,
        forward=forward.get_total_flops() / 1e9,
        sample=sample / 1e9,
        optimizer=step / 1e9,
        training=sample * training.batch_size * steps / 1e12,
        optimizer_training=step * steps / 1e12,
    )


def _sample(preset: Preset) -> dict[str, Tensor]:
    """A batch of one sample, of the shapes that the preset trains on."""
    side = preset.data.size // preset.autoencoder.patch_size
    latent = torch.zeros(1, preset.autoencoder.latent_channels, side, side)
    plane = torch.ones(1, 1, side, side)
    return {
        **dict.fromkeys(("image", "colormap", "control"), latent),
        **dict.fromkeys(("coarse", "valid", "balance"), plane),
        "text": torch.zeros(1, preset.text.max_length, preset.text.hidden_size),
        "task": torch.zeros(1, dtype=torch.int64),
    }


def main() -> None:
    """Count and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--presets", nargs="+", default=["tiny", "small"])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    counted = {name: operations(load_preset(name)) for name in options.presets}
    if options.json:
        print(json.dumps({name: asdict(found) for name, found in counted.items()}))
        return
    print(
        "| preset | steps | forward, GFLOP a sample | forward and backward | training, TFLOP "
        "| its optimiser, TFLOP |\n|---|---:|---:|---:|---:|---:|"
    )
    for name, found in counted.items():
        print(
            f"| {name} | {found.steps:,} x {found.batch_size} | {found.forward:.3f} | "
            f"{found.sample:.3f} | {found.training:.1f} | {found.optimizer_training:.1f} |"
        )


if __name__ == "__main__":
    main()
