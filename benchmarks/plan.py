"""What `unigs plan` says against what a run then made.

    python benchmarks/plan.py STORE [--preset tiny] [--dataset shapes] [--root DIR] [--memory]

Reads the manifests of a finished store and prints planned and made samples, shards and bytes,
folder by folder. `--memory` also trains two steps on random latents of the preset's shapes and
compares the peak of torch's allocator, as its profiler counts it, with the planned one.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch.profiler import ProfilerActivity, profile

from unigs.config.preset import Preset, load_preset
from unigs.errors import DataError
from unigs.io.machine import machine
from unigs.models.unet import build_unet
from unigs.shards.manifest import read_manifest
from unigs.tasks import TASKS
from unigs.training.loop import train
from unigs.workflows.plan.memory import process_memory
from unigs.workflows.plan.network import Device, measure_network
from unigs.workflows.plan.plan import Planner

TEXT = (24, 128)


class RandomBatches:
    """Random latents in the form that training reads."""

    rank, world = 0, 1
    stores = dict.fromkeys(TASKS)
    empty_text = torch.zeros(TEXT)

    def __init__(self, batch_size: int, latent_shape: tuple[int, int, int]) -> None:
        self.batch_size, self.shape = batch_size, latent_shape

    def batch(self, step: int) -> dict[str, torch.Tensor]:
        count = self.batch_size
        batch = {name: torch.randn(count, *self.shape) for name in ("image", "colormap", "control")}
        for name in ("coarse", "balance", "valid"):
            batch[name] = torch.ones(count, 1, *self.shape[1:])
        tasks = torch.arange(count) % len(TASKS)
        return {**batch, "text": torch.randn(count, *TEXT), "task": tasks}


def folders(planner: Planner, store: Path, name: str) -> None:
    """Print planned against made, folder by folder."""
    print("| folder | samples | shards | bytes of shards | of latents | of prompts |")
    print("|---|---|---|---|---|---|")
    for planned in planner.plan().folders:
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
        ]
        cells = [f"{said:,} / {made:,} ({said / made - 1:+.1%})" for said, made in pairs]
        print(f"| {planned.split} {planned.task} | {' | '.join(cells)} |")


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
        training = preset.training.model_copy(update={"steps": 2, **changes})
        with torch.device("meta"):
            shapes: UNet2DConditionModel = build_unet(architecture, shape[0])
        network = measure_network(shapes, training, shape, TEXT, device)
        low = here.low_precision.itemsize
        said = process_memory(network, training, 1, low_bytes=low).peak
        unet = build_unet(architecture, shape[0])
        stream = RandomBatches(training.batch_size, shape)
        with (
            tempfile.TemporaryDirectory() as folder,
            profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen,
        ):
            train(unet, stream, training, preset.diffusion, Path(folder))  # type: ignore[arg-type]
        events = sorted(
            (event.start_ns(), event.nbytes())
            for event in seen.profiler.kineto_results.events()
            if event.name() == "[memory]"
        )
        now = most = 4 * network.parameters
        for _, change in events:
            now += change
            most = max(most, now)
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
    options = parser.parse_args()
    preset = load_preset(options.preset)
    began = time.monotonic()
    folders(Planner(preset, options.dataset, options.root), options.store, preset.name)
    print(f"planned in {time.monotonic() - began:.0f} s")
    if options.memory:
        memory(preset)


if __name__ == "__main__":
    main()
