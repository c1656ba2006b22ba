"""Distortions of a colormap between encoder and decoder, for robustness curves."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

Distortion = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def _to_bytes(values: np.ndarray) -> np.ndarray:
    return np.clip(np.round(values), 0, 255).astype(np.uint8)


def add_noise(sigma: float) -> Distortion:
    """Add white Gaussian noise of `sigma` levels of 255 in every channel."""
    return lambda colormap, rng: _to_bytes(colormap + rng.normal(0, sigma, colormap.shape))


def add_blur(sigma: float) -> Distortion:
    """Blur by a Gaussian of `sigma` pixels."""
    return lambda colormap, rng: _to_bytes(
        gaussian_filter(colormap.astype(np.float32), (sigma, sigma, 0), mode="nearest")
    )


def add_jpeg(quality: int) -> Distortion:
    """Compress as JPEG of `quality` 1 to 100, with the usual halving of the chroma planes."""

    def distort(colormap: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        file = io.BytesIO()
        Image.fromarray(colormap).save(file, "JPEG", quality=quality)
        return np.array(Image.open(file))

    return distort
