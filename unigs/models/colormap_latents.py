"""Latents of colormaps, chosen so that they decode to the colormap.

An autoencoder's encoder was trained on photographs and loses entities of a few latent pixels that
its decoder could paint. The latents are what the UNet learns, and any latents will do that decode
to the colormap: so they are moved from the encoder's output towards what the decoder needs. The
autoencoder stays as it is, and the result depends on the colormap alone. (Ours; the paper takes
the encoder's output, Eq. 3.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from unigs.colormap.bins import check_colormap
from unigs.colormap.pixel_weight import weigh_pixels
from unigs.io.device import fitting, in_batches
from unigs.io.machine import machine
from unigs.models.autoencoder import (
    activation_bytes,
    decoded_values,
    encode_images,
    vae_scale_factor,
)

__all__ = ["encode_colormaps"]

# Part of every cache key of refined latents: raise it when equal colormaps are refined to others.
REFINEMENT = 1
# Adam's, and the constant that keeps the norm's gradient finite; chosen on three crowded training
# photographs of COCO (docs/results.md).
RATE, MOMENTUM, SMOOTHING = 0.1, 0.9, 0.95
SOFT = 1e-4
# Entities of so many latent pixels weigh twice as much as the ground, smaller ones more.
SMALL_CELLS = 9.4
# The backward pass stores the activations of all layers, 8 times what lives at a time without it:
# 2 GB for 512x512 pixels of TAESD.
STORED_LAYERS = 8


def encode_colormaps(
    autoencoder: Any,
    colormaps: np.ndarray,
    refine_steps: int = 0,
    batch_size: int | None = None,
    device: torch.device | None = None,
) -> Tensor:
    """Colormaps -> the latents the UNet learns, refined in `refine_steps` steps.

    Each step follows the gradient of the decoded colour's error, in which pixels in and near
    small entities weigh more (`weigh_pixels`), through the decoder, in the precision that the
    machine does well. Of all steps the latents with the least error are returned, so that none is
    worse than the encoder's but for rounding.

    Args:
        colormaps: (n, h, w, 3) uint8, n at least 1.
        refine_steps: 0 for `encode_images` as it is. A step is a pass through the decoder and
            back.
        batch_size: as in `encode_images`.
        device: likewise.

    Returns:
        (n, C, h/f, w/f) float32 on the autoencoder's device.

    Raises:
        ModelError: as `encode_images`.
        ValueError: colormaps of another shape or type, or a negative number of steps.
    """
    if refine_steps < 0:
        raise ValueError(f"refine_steps must not be negative, not {refine_steps}")
    pixels = np.stack([check_colormap(colormap) for colormap in colormaps])
    latents = encode_images(autoencoder, pixels, batch_size, device)
    if not refine_steps:
        return latents
    each = STORED_LAYERS * activation_bytes(autoencoder, *pixels.shape[1:3])
    size = batch_size or fitting(each, latents.device)

    def refine(numbers: Sequence[int]) -> Tensor:
        part = slice(numbers[0], numbers[-1] + 1)
        return _refine(autoencoder, latents[part], pixels[part], refine_steps)

    return torch.cat(in_batches(range(len(pixels)), size, refine, "colormaps"))


def _refine(autoencoder: Any, encoded: Tensor, colormaps: np.ndarray, steps: int) -> Tensor:
    area = SMALL_CELLS * vae_scale_factor(autoencoder) ** 2
    weights = np.stack([weigh_pixels(_labels(colormap), area) for colormap in colormaps])
    weights /= weights.mean(axis=(1, 2), keepdims=True)
    # Callers may have switched gradients off, or work in inference mode.
    with torch.inference_mode(False), torch.enable_grad():
        start = encoded.clone()
        device = start.device
        does_well = machine(device)
        weight = torch.from_numpy(weights).to(device)
        wanted = torch.from_numpy(colormaps).to(device).permute(0, 3, 1, 2).float() / 127.5 - 1
        spread = start.std(dim=(1, 2, 3), keepdim=True)
        move = torch.zeros_like(start).requires_grad_()
        # Steps in shares of the latents' deviation. A large epsilon leaves flat places alone,
        # where Adam's own would make full steps of rounding errors.
        optimizer = torch.optim.Adam([move], RATE, (MOMENTUM, SMOOTHING), eps=1.0)
        # An autoencoder in half precision stays in its own. Casts of weights must not outlive the
        # block, or a caller's autocast to another type would meet them.
        mixed = torch.autocast(
            device.type,
            torch.bfloat16,
            enabled=autoencoder.dtype == torch.float32 and does_well.low_precision != torch.float32,
            cache_enabled=False,
        )
        least = torch.full((len(start), 1, 1, 1), torch.inf, device=device)
        best, scale = start, None
        for step in range(steps + 1):
            latents = start + spread * move
            with mixed:
                decoded = decoded_values(
                    autoencoder, latents.contiguous(memory_format=does_well.convolution_format)
                )
            error = ((decoded - wanted).square().sum(dim=1) + SOFT).sqrt()
            # A mean's gradient would be too small for an autoencoder in float16.
            losses = (error * weight).sum(dim=(1, 2))
            now = losses.detach().reshape(least.shape)
            best = torch.where(now < least, latents.detach(), best)
            least = torch.minimum(now, least)
            if step == steps:
                break
            (gradient,) = torch.autograd.grad(losses.sum(), move)
            if scale is None:
                scale = gradient.square().mean(dim=(1, 2, 3), keepdim=True).sqrt() + 1e-12
            move.grad = gradient / scale
            optimizer.step()
    return best


def _labels(colormap: np.ndarray) -> np.ndarray:
    """Return a number for each colour of (h, w, 3) uint8, 0 for black: (h, w)."""
    packed = colormap.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    colors, labels = np.unique(packed, return_inverse=True)
    return labels.reshape(packed.shape) + int(colors[0] != 0)
