"""What a training step gains from latents on disk, against encoding its pictures on the fly.

    OMP_NUM_THREADS=1 python -m benchmarks.speed.latent_training [--size 256] [--rounds 2]
    OMP_NUM_THREADS=1 python -m benchmarks.speed.latent_training --preset photo [--rounds 2]
    python -m benchmarks.speed.latent_training --operations

A sample through a randomly initialised UNet (forward and backward) and a picture through the
randomly initialised encoder, in CPU seconds; the median over the rounds, after one of each that
does not count. By default at Stable Diffusion 1.5's size in float32, one sample, about 8 GB of
memory; with `--preset photo` TAESD and the UNet of that preset, its batch, in the precision of its
training. `--operations` counts instead of measuring: multiplications and additions of products and
convolutions, of both, by the size of the pictures.

Encoding on the fly costs two pictures a sample, and a third for inpainting, whose control image is
one of its own (0.3 of the draws of the joint model). The step of the optimiser, the same on both
sides, is left out: it does not grow with the batch.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL, AutoencoderTiny
from diffusers.models.attention_processor import AttnProcessor
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.operations.cluster import AUTOENCODER
from unigs.config.preset import load_preset
from unigs.io.machine import autocast
from unigs.models.autoencoder import encode_images, vae_scale_factor
from unigs.models.unet import build_unet
from unigs.tasks import TASKS

FULL = "sd15"
# Sides of pictures at which operations are counted.
SIDES = {FULL: (128, 256, 512, 768), "photo": (128,), "photo-large": (256,)}


def parts(name: str) -> tuple[Any, Any, int, int]:
    """Return autoencoder, UNet, and length and width of its text."""
    if name == FULL:
        return AutoencoderKL(**AUTOENCODER).eval(), build_unet(FULL), 77, 768
    preset = load_preset(name)
    assert isinstance(preset.unet.architecture, dict)
    unet = build_unet(preset.unet.architecture, 4)
    width = preset.unet.architecture["cross_attention_dim"]
    return AutoencoderTiny().eval(), unet, preset.text.max_length, width


def pictures(name: str) -> float:
    """Return how many pictures a sample encodes, by the ratios of the joint model."""
    return 2 + (TASKS["inpainting"].ratio if name == FULL else _ratio(name))


def _ratio(name: str) -> float:
    return load_preset(name).training.ratios["inpainting"]


def error_of(unet: Any, side: int, samples: int, text: Sequence[int]) -> Tensor:
    """Return a loss of the UNet on latents of that side."""
    latents = torch.randn(samples, 13, side, side)
    tasks = torch.zeros(samples, dtype=torch.int64)
    steps = torch.full((samples,), 500)
    prediction = unet(latents, steps, torch.randn(samples, *text), class_labels=tasks).sample
    return prediction.float().square().mean()


def seconds(work: Callable[[], object], rounds: int) -> float:
    """CPU seconds of a call, the median after one that does not count."""
    work()
    spent = []
    for _ in range(rounds):
        start = time.process_time()
        work()
        spent.append(time.process_time() - start)
    return statistics.median(spent)


def measure(name: str, size: int, samples: int, rounds: int, precision: str) -> None:
    """Print both sides of a training step, a sample."""
    autoencoder, unet, *text = parts(name)
    device = torch.device("cpu")
    if precision == "auto":
        unet.set_attn_processor(AttnProcessor())
    shape = (samples, size, size, 3)
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)

    def encode() -> None:
        with autocast(precision, device):
            encode_images(autoencoder, images)

    def step() -> None:
        with autocast(precision, device):
            error = error_of(unet, size // vae_scale_factor(autoencoder), samples, text)
        error.backward()

    encoding = seconds(encode, rounds) / samples
    training = seconds(step, rounds) / samples
    live = training + pictures(name) * encoding
    print(
        f"{name}, {size} pixels: a picture encoded {encoding:.4f} s, UNet forward and backward "
        f"{training:.4f} s a sample; encoding {pictures(name):.1f} pictures on the fly {live:.4f} "
        f"s a sample, from latents {training:.4f} s: {live / training:.2f}x"
    )


def operations() -> None:
    """Print a Markdown table of counted operations."""
    print(
        "| | pixels | a picture encoded, GFLOP | a sample trained, GFLOP | on the fly / latents |"
    )
    print("|---|---:|---:|---:|---:|")
    for name, sides in SIDES.items():
        with torch.device("meta"):
            autoencoder, unet, *text = parts(name)
            # The counter sees the products of plain attention alone.
            unet.set_attn_processor(AttnProcessor())
            for side in sides:
                with FlopCounterMode(display=False) as counter, torch.no_grad():
                    autoencoder.encode(torch.zeros(1, 3, side, side))
                encoding = counter.get_total_flops()
                with FlopCounterMode(display=False) as counter:
                    error_of(unet, side // 8, 1, text).backward()
                training = counter.get_total_flops()
                ratio = 1 + pictures(name) * encoding / training
                counts = f"{encoding / 1e9:,.1f} | {training / 1e9:,.1f}"
                print(f"| `{name}` | {side} | {counts} | {ratio:.2f} |")


def main() -> None:
    """Measure, or count."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", default=FULL, choices=list(SIDES))
    parser.add_argument("--size", type=int, help="pixels; by default the preset's, 256 of sd15")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--operations", action="store_true")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    if arguments.operations:
        operations()
        return
    name = arguments.preset
    size = arguments.size or (256 if name == FULL else load_preset(name).data.size)
    samples = 1 if name == FULL else load_preset(name).training.batch_size
    precision = "fp32" if name == FULL else "auto"
    measure(name, size, samples, arguments.rounds, precision)


if __name__ == "__main__":
    main()
