"""What a training step on the CPU gains when the process keeps the memory that it frees.

    python -m benchmarks.speed.freed_memory [--preset tiny] [--rounds 5] [--steps 20]

Steps of the preset's UNet and optimiser on random latents, with and without `freed_memory_kept`
in turns, each time in a process of its own. Prints JSON: milliseconds and pages that the system
had to clear per step, and the ratio of times, its median over rounds with the least and the
greatest.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext

import torch
from diffusers.models.attention_processor import AttnProcessor

from unigs.config.preset import load_preset
from unigs.io.machine import machine
from unigs.io.process_memory import freed_memory_kept
from unigs.models.noise_schedule import build_scheduler
from unigs.models.unet import build_unet
from unigs.training.batch_errors import batch_errors
from unigs.training.optimizer import build_optimizer

CPU = torch.device("cpu")
KINDS = ("kept", "usual")
WARM_UP = 3


def step_of(name: str) -> Callable[[], None]:
    """Return a training step of a preset, on random latents."""
    preset = load_preset(name)
    training, count = preset.training, preset.training.batch_size
    channels = preset.autoencoder.latent_channels
    architecture = preset.unet.architecture
    side = architecture["sample_size"]
    torch.manual_seed(0)
    unet = build_unet(architecture, channels).train()
    if not machine().fused_attention:
        unet.set_attn_processor(AttnProcessor())
    optimizer = build_optimizer(list(unet.parameters()), training)
    scheduler = build_scheduler(preset.diffusion)
    latent, plane = torch.randn(count, channels, side, side), torch.ones(count, 1, side, side)
    batch = {
        **dict.fromkeys(("image", "colormap", "control"), latent),
        **dict.fromkeys(("coarse", "valid", "balance"), plane),
        "text": torch.randn(count, preset.text.max_length, architecture["cross_attention_dim"]),
        "task": torch.zeros(count, dtype=torch.int64),
    }
    noise = torch.randn(count, 2 * channels, side, side)
    timesteps = torch.full((count,), scheduler.config["num_train_timesteps"] - 1)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        batch_errors(unet, scheduler, training, batch, timesteps, noise, CPU).mean().backward()
        torch.nn.utils.clip_grad_norm_(unet.parameters(), training.clip_norm, foreach=True)
        optimizer.step()

    return step


def measure(preset: str, steps: int, keep: bool) -> dict[str, float]:
    """Return milliseconds and cleared pages per step, in this process."""
    step = step_of(preset)
    with freed_memory_kept() if keep else nullcontext():
        for _ in range(WARM_UP):
            step()
        pages, began = resource.getrusage(resource.RUSAGE_SELF).ru_minflt, time.perf_counter()
        for _ in range(steps):
            step()
        seconds = time.perf_counter() - began
    cleared = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - pages
    return {"ms": 1e3 * seconds / steps, "pages": cleared / steps}


def in_own_process(options: argparse.Namespace, kind: str) -> dict[str, float]:
    """Return what `measure` finds in a process of its own, where no setting is left of another."""
    command = [sys.executable, "-m", "benchmarks.speed.freed_memory", "--one", kind]
    command += ["--preset", options.preset, "--steps", str(options.steps)]
    found = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return dict(json.loads(found))


def main() -> None:
    """Time both kinds in turns and print the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", default="tiny")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--one", choices=KINDS, help="measure this kind alone, in this process")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.preset, options.steps, options.one == KINDS[0])))
        return
    rounds = [
        {kind: in_own_process(options, kind) for kind in KINDS[:: 1 if number % 2 else -1]}
        for number in range(options.rounds)
    ]
    ratios = [found["kept"]["ms"] / found["usual"]["ms"] for found in rounds]
    result = {
        "preset": options.preset,
        "machine": str(machine()),
        **{
            kind: {
                name: statistics.median(found[kind][name] for found in rounds)
                for name in ("ms", "pages")
            }
            for kind in KINDS
        },
        "ratio": statistics.median(ratios),
        "ratio_low": min(ratios),
        "ratio_high": max(ratios),
    }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
