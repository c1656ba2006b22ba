"""Samples as the UNet reads them: latents, and masks at their resolution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from unigs.errors import ModelError
from unigs.latents.entity_balance import entity_balance
from unigs.models.autoencoder import encode_images, vae_scale_factor
from unigs.models.colormap_latents import encode_colormaps
from unigs.samples.coarse_mask import latent_mask
from unigs.samples.sample import Sample
from unigs.tasks import Task, control_image


def encode_samples(
    samples: Sequence[Sample],
    task: Task,
    autoencoder: Any,
    refine_steps: int = 0,
    batch_size: int = 64,
) -> dict[str, np.ndarray]:
    """Return what the UNet reads of some samples, apart from the text.

    Returns ``image``, ``colormap`` and ``control`` (n, C, h, w) float16, ``coarse``, ``valid`` and
    ``balance`` (n, 1, h, w) float16. Control is the same array as image or colormap where the
    task repeats one. Raises ModelError for values that float16 cannot hold.
    """
    image = np.stack([sample.image for sample in samples])
    colormap = np.stack([sample.colormap for sample in samples])
    coarse = np.stack([sample.coarse_mask for sample in samples])
    valid = np.stack([sample.valid for sample in samples])

    def encode(images: np.ndarray) -> np.ndarray:
        return _as_float16(encode_images(autoencoder, images, batch_size))

    refined = encode_colormaps(autoencoder, colormap, refine_steps, batch_size)
    latents = {"image": encode(image), "colormap": _as_float16(refined)}
    if task.control == "masked_image":
        latents["control"] = encode(control_image(task, image, colormap, coarse))
    else:
        latents["control"] = latents[task.control]
    factor = vae_scale_factor(autoencoder)
    latents["coarse"] = latent_mask(coarse, factor)[:, None].astype(np.float16)
    balance = np.stack([entity_balance(sample.segments) for sample in samples])
    latents["valid"] = _cell_mean(valid, factor)[:, None].astype(np.float16)
    latents["balance"] = _cell_mean(balance, factor)[:, None].astype(np.float16)
    return latents


def _as_float16(exact: Tensor) -> np.ndarray:
    with np.errstate(over="ignore"):
        latents = exact.cpu().numpy().astype(np.float16)
    if not np.isfinite(latents).all():
        raise ModelError("latents leave the range of float16", hint="scale the autoencoder down")
    return latents


def _cell_mean(values: np.ndarray, factor: int) -> np.ndarray:
    """(n, h, w) -> (n, h/f, w/f) float32: mean over the pixels of each latent cell."""
    n, height, width = values.shape
    blocks = values.reshape(n, height // factor, factor, width // factor, factor)
    return blocks.mean(axis=(2, 4), dtype=np.float32)
