"""Speed of shards, latents and the loader, as ratios measured in one run.

    OMP_NUM_THREADS=1 python -m benchmarks.speed.shards --root DIR [--limit 100] [--size 512]

``--root`` is a data set in COCO panoptic layout. Times are CPU seconds of this process, so
that a busy machine changes the ratios little. Two workers: `benchmarks.speed.shard_workers`.

- build: unavoidable work (JPEG decode, resize, JPEG encode of the image, PNG encode of colormap and
  masks, with the same libraries) over the whole build of a task's pixel shards, medians of three
  alternating rounds; beside it the same with the image's files alone as unavoidable;
- latents, loader: samples per second of 64-pixel samples, time of a batch from their latents.
"""

from __future__ import annotations

import argparse
import io
import tempfile
import time
import zlib
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from unigs.colormap.palette import Palette
from unigs.datasets import open_dataset
from unigs.latents.build import build_latents
from unigs.latents.stored import LatentStore
from unigs.latents.stream import MixedStream
from unigs.models.patch_autoencoder import PatchAutoencoder
from unigs.models.text import build_text_encoder
from unigs.samples.options import SampleOptions
from unigs.samples.serialization import encode_photo
from unigs.scene import Scene
from unigs.shards.build import build_shards
from unigs.shards.read import read_samples
from unigs.tasks import TASKS

BATCHES = 200
ROUNDS = 3


def seconds(work: Callable[[], Any]) -> float:
    """CPU time of one call."""
    start = time.process_time()
    work()
    return time.process_time() - start


def unavoidable(scenes: list[Scene], size: int) -> None:
    """Decode, resize and encode each photograph, and nothing else."""
    for scene in scenes:
        image = Image.open(scene.image_file).convert("RGB")
        side = min(image.size)
        left, top = (image.width - side) // 2, (image.height - side) // 2
        box = (left, top, left + side, top + side)
        square = image.resize((size, size), Image.Resampling.BICUBIC, box)
        encode_photo(np.asarray(square), "jpg")


def encode_flat(pictures: list[Image.Image]) -> None:
    """Encode colormaps and masks that lie ready."""
    for picture in pictures:
        picture.save(io.BytesIO(), "PNG", compress_type=zlib.Z_RLE)


def flat_pictures(folder: Path) -> list[Image.Image]:
    """The colormaps and masks of a folder of shards; masks that are full cost nothing."""
    pictures = []
    for sample in read_samples(folder):
        pictures.append(Image.fromarray(sample.segments.astype(np.uint8)))
        masks = (sample.coarse_mask, sample.valid)
        pictures += [Image.fromarray(mask) for mask in masks if not mask.all()]
    return pictures


def measure_shards(scenes: list[Scene], names: tuple[str, ...], size: int, folder: Path) -> None:
    """Print the measurements of pixel shards."""
    options = SampleOptions(Palette(11), names, size=size)
    build_shards(scenes[:2], "entity", options, folder / "warm")
    for task in TASKS:
        rounds = []
        for number in range(ROUNDS):
            out = folder / task / str(number)
            photos = seconds(lambda: unavoidable(scenes, size))
            whole = seconds(
                lambda task=task, out=out: build_shards(
                    scenes, task, options, out, samples_per_shard=64, image_format="jpg"
                )
            )
            pictures = flat_pictures(out)
            flat = seconds(lambda pictures=pictures: encode_flat(pictures))
            rounds.append((whole, photos + flat, photos))
        whole, floor, photos = np.median(rounds, axis=0) * 1e3 / len(scenes)
        print(
            f"build {task}: {whole:.1f} ms a sample, unavoidable {floor:.1f} ms, "
            f"ratio {floor / whole:.2f}; photograph alone {photos:.1f} ms, {photos / whole:.2f}"
        )


def measure_latents(scenes: list[Scene], names: tuple[str, ...], folder: Path) -> None:
    """Print the measurements of latents and loader at the layout of the tiny preset."""
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
