"""Stable Diffusion's autoencoder: pictures encoded and latents decoded a second."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from benchmarks.accelerator_parts.bench import CHANNELS, Bench
from unigs.io.machine import float32_products
from unigs.models.autoencoder import encode_images, vae_scale_factor

DTYPES = {"bf16": torch.bfloat16, "fp32": torch.float32}
LARGEST = 64


def run(bench: Bench) -> None:
    """For each precision: the best batch of each direction, and `encode_images` from uint8."""
    vae: Any = bench.autoencoder()
    vae.to(memory_format=torch.channels_last)
    side = bench.sizes.pixels // vae_scale_factor(vae)
    pixels = np.random.default_rng(0).integers(
        0, 256, (bench.sizes.pictures, bench.sizes.pixels, bench.sizes.pixels, 3), dtype=np.uint8
    )
    for precision, dtype in DTYPES.items():
        vae.to(dtype)

        def encode(batch: int, dtype: torch.dtype = dtype) -> Callable[[], object]:
            shape = (batch, 3, bench.sizes.pixels, bench.sizes.pixels)
            pictures = torch.rand(shape, device=bench.device, dtype=dtype)
            return lambda: vae.encode(pictures).latent_dist.mode()

        def decode(batch: int, dtype: torch.dtype = dtype) -> Callable[[], object]:
            shape = (batch, CHANNELS, side, side)
            latents = torch.randn(shape, device=bench.device, dtype=dtype)
            return lambda: vae.decode(latents).sample

        for what, made in (("encode", encode), ("decode", decode)):
            best = _best_batch(bench, made, what, precision)

            if what == "encode" and best:

                def whole(batch: int = best) -> dict[str, Any]:
                    seconds = bench.seconds(
                        lambda: encode_images(vae, pixels, batch_size=batch), warm=1, most=2.0
                    )
                    return {"latents_per_second": len(pixels) / seconds, "batch": batch}

                bench.attempt(whole, need=3, what="encode_images", precision=precision)


def _best_batch(
    bench: Bench, made: Callable[[int], Callable[[], object]], what: str, precision: str
) -> int | None:
    """Double the batch while that pays and the memory suffices; write a row for each, return the
    fastest."""
    rates: dict[int, float] = {}
    for batch in itertools.takewhile(lambda n: n <= LARGEST, (1 << n for n in itertools.count())):
        if batch > 2 and bench.dry:
            break
        if batch in (2, 4) and not bench.dry:
            continue

        def row(batch: int = batch) -> dict[str, Any]:
            with torch.inference_mode(), float32_products("tf32", bench.device):
                seconds = bench.seconds(made(batch), most=1.0)
            rates[batch] = batch / seconds
            return {"latents_per_second": batch / seconds, "peak_memory_bytes": bench.memory()}

        fits = bench.attempt(row, need=2, what=what, precision=precision, batch=batch)
        if not fits or rates[batch] < 1.02 * max([0.0, *list(rates.values())[:-1]]):
            break
    return max(rates, key=lambda batch: rates[batch], default=None)
