"""Speed of shards, latents and the loader, as ratios measured in one run.

    OMP_NUM_THREADS=1 python benchmarks/shards.py --root DIR [--limit 100] [--size 512]

``--root`` is a data set in COCO panoptic layout. Times are CPU seconds of this process unless
they are named wall, so that a busy machine changes the ratios little.

- build: unavoidable work (JPEG decode, resize, image encode with the same libraries) over the
  whole build of a task's pixel shards;
- rebuild: building again after one more scene, over the first build;
- workers: wall time of one worker over two; meaningful on an idle machine alone;
- loader: batches a second from latents of 64-pixel samples.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from unigs.colormap.palette import Palette
from unigs.datasets import open_dataset
from unigs.latent_store import LatentStore
from unigs.latents import build_latents
from unigs.loader import MixedStream
from unigs.models.patch_autoencoder import PatchAutoencoder
from unigs.models.text import build_text_encoder
from unigs.sample_files import encode_photo
from unigs.samples import SampleOptions
from unigs.scene import Scene
from unigs.shards import build_shards
from unigs.tasks import TASKS

SHARDS = 64
BATCHES = 200


def seconds(work: Callable[[], Any], clock: Callable[[], float] = time.process_time) -> float:
    """Time of one call."""
    start = clock()
    work()
    return clock() - start


def unavoidable(scenes: list[Scene], size: int) -> None:
    """Decode, resize and encode each image, and nothing else."""
    for scene in scenes:
        image = Image.open(scene.image_file).convert("RGB")
        side = min(image.size)
        left, top = (image.width - side) // 2, (image.height - side) // 2
        box = (left, top, left + side, top + side)
        square = image.resize((size, size), Image.Resampling.BICUBIC, box)
        encode_photo(np.asarray(square), "jpg")


def measure_shards(scenes: list[Scene], names: tuple[str, ...], size: int, folder: Path) -> None:
    """Print the figures of pixel shards."""
    options = SampleOptions(Palette(11), names, size=size)
    build_shards(scenes[:2], "entity", options, folder / "warm")
    for task in TASKS:
        floor = seconds(lambda: unavoidable(scenes, size))
        whole = seconds(
            lambda task=task: build_shards(
                scenes[:-1], task, options, folder / task, shards=SHARDS, image_format="jpg"
            )
        )
        again = seconds(
            lambda task=task: build_shards(scenes, task, options, folder / task, image_format="jpg")
        )
        print(
            f"build {task}: {1e3 * whole / len(scenes):.1f} ms a sample, "
            f"unavoidable {1e3 * floor / len(scenes):.1f} ms, ratio {floor / whole:.2f}; "
            f"one scene more: {again / whole:.1%}"
        )
    walls = [
        seconds(
            lambda workers=workers: build_shards(
                scenes,
                "inpainting",
                options,
                folder / f"workers{workers}",
                shards=SHARDS,
                image_format="jpg",
                workers=workers,
            ),
            time.perf_counter,
        )
        for workers in (1, 2)
    ]
    print(f"workers: 1 {walls[0]:.2f} s wall, 2 {walls[1]:.2f} s wall, {walls[0] / walls[1]:.2f}x")


def measure_latents(scenes: list[Scene], names: tuple[str, ...], folder: Path) -> None:
    """Print the figures of latents and loader at the layout of the tiny preset."""
    options = SampleOptions(Palette(5), names, size=64)
    autoencoder = PatchAutoencoder(4, 16)
    tokenizer, encoder = build_text_encoder(names)
    stores = {}
    for task in TASKS:
        pixels, latents = folder / "tiny" / task, folder / "latents" / task
        build = seconds(lambda task=task, to=pixels: build_shards(scenes, task, options, to))
        encode = seconds(
            lambda source=pixels, to=latents: build_latents(
                source, to, autoencoder, encoder, tokenizer
            )
        )
        stores[task] = LatentStore(latents)
        count = len(stores[task])
        print(f"tiny {task}: pixels {count / build:.0f}, latents {count / encode:.0f} samples/s")
    stream = MixedStream(stores, batch_size=32)
    stream.batch(0)
    spent = seconds(lambda: [stream.batch(step) for step in range(1, BATCHES + 1)])
    print(f"loader: {1e3 * spent / BATCHES:.2f} ms a batch of 32")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--dataset", default="coco_panoptic")
    parser.add_argument("--split", default="train")
    parser.add_argument("--limit", type=int, default=100)
    parser.add_argument("--size", type=int, default=512)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    dataset = open_dataset(arguments.dataset, arguments.root, arguments.split)
    scenes = list(islice(dataset, arguments.limit))
    with tempfile.TemporaryDirectory() as folder:
        measure_shards(scenes, dataset.class_names, arguments.size, Path(folder))
        measure_latents(scenes, dataset.class_names, Path(folder))


if __name__ == "__main__":
    main()
