"""Samples as the UNet reads them: latents, and masks at their resolution."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from unigs.errors import ConfigError, ModelError
from unigs.latents.entity_balance import entity_balance
from unigs.latents.posterior import SUFFIX
from unigs.models.autoencoder import encode_posterior, low_precision, vae_scale_factor
from unigs.models.colormap_latents import encode_colormaps
from unigs.samples.coarse_mask import latent_mask
from unigs.samples.sample import Sample
from unigs.tasks import Task, control_image

Latents = dict[str, np.ndarray]


def encode_samples(
    samples: Sequence[Sample],
    task: Task,
    autoencoder: Any,
    refine_steps: int = 0,
    posterior: bool = False,
) -> Latents:
    """Return what the UNet reads of some samples, apart from the text.

    Equal images, such as those of one scene's variants, are encoded once. On a device that
    multiplies bfloat16 faster, convolutional autoencoders do so (`low_precision`).

    Args:
        refine_steps: by which the latents of colormaps are refined (`encode_colormaps`).
        posterior: give the deviations of the autoencoder's posterior as well.

    Returns:
        ``image``, ``colormap`` and ``control`` (n, C, h, w) float16; ``coarse``, ``valid`` and
        ``balance`` (n, 1, h, w) float16. Control is the same array as image or colormap where the
        task repeats one. With `posterior` also ``image_deviation``, ``colormap_deviation`` (none
        where colormaps are refined: they are points) and ``control_deviation`` of a control of its
        own, like the means.

    Raises:
        ModelError: values that float16 cannot hold.
        ConfigError: `posterior` of an autoencoder that has none.
    """
    image = np.stack([sample.image for sample in samples])
    colormap = np.stack([sample.colormap for sample in samples])
    coarse = np.stack([sample.coarse_mask for sample in samples])
    valid = np.stack([sample.valid for sample in samples])
    latents: Latents = {}

    def encode(part: str, images: np.ndarray) -> None:
        first, which = _distinct(images)
        mean, deviation = encode_posterior(autoencoder, images[first])
        latents[part] = _as_float16(mean)[which]
        if posterior and deviation is None:
            raise ConfigError(
                f"autoencoder.sample_posterior: {type(autoencoder).__name__} has no posterior",
                hint="switch it off",
            )
        if posterior and deviation is not None:
            latents[part + SUFFIX] = _as_float16(deviation)[which]

    with low_precision(autoencoder, autoencoder.device):
        encode("image", image)
        if refine_steps:
            first, which = _distinct(colormap)
            refined = encode_colormaps(autoencoder, colormap[first], refine_steps)
            latents["colormap"] = _as_float16(refined)[which]
        else:
            encode("colormap", colormap)
        if task.control == "masked_image":
            encode("control", control_image(task, image, colormap, coarse))
        else:
            latents["control"] = latents[task.control]
    factor = vae_scale_factor(autoencoder)
    latents["coarse"] = latent_mask(coarse, factor)[:, None].astype(np.float16)
    balance = np.stack([entity_balance(sample.segments) for sample in samples])
    latents["valid"] = _cell_mean(valid, factor)[:, None].astype(np.float16)
    latents["balance"] = _cell_mean(balance, factor)[:, None].astype(np.float16)
    return latents


def _distinct(images: np.ndarray) -> tuple[list[int], list[int]]:
    """Return the number of the first of each distinct image, and for each which of these it is."""
    places: dict[bytes, int] = {}
    first: list[int] = []
    which: list[int] = []
    for number, image in enumerate(images):
        place = places.setdefault(hashlib.sha256(image.tobytes()).digest(), len(places))
        if place == len(first):
            first.append(number)
        which.append(place)
    return first, which


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
