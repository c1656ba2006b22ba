"""Damage that no autoencoder does: blur, lost resolution, noise and JPEG, alone or together."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

_DOWN = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.BOX)
_UP = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC)


def damage(colormap: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a damaged copy of `colormap` (h, w, 3) uint8.

    Blur of 0.3 to 2 pixels in 30 % of the draws, else a half to a quarter of the resolution in
    20 %; white noise of up to 20 levels in 50 %; JPEG of quality 30 to 95 in 35 %.
    """
    kind = rng.random()
    values: np.ndarray = colormap.astype(np.float32)
    if kind < 0.3:
        sigma = rng.uniform(0.3, 2.0)
        values = gaussian_filter(values, (sigma, sigma, 0))
    elif kind < 0.5:
        values = _coarser(colormap, rng).astype(np.float32)
    if rng.random() < 0.5:
        values = values + rng.normal(0, rng.uniform(0, 20), values.shape)
    damaged = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    if rng.random() < 0.35:
        stream = io.BytesIO()
        Image.fromarray(damaged).save(stream, "JPEG", quality=int(rng.integers(30, 96)))
        damaged = np.array(Image.open(stream))
    return damaged


def _coarser(colormap: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    height, width = colormap.shape[:2]
    factor = int(rng.integers(2, 5))
    small = (max(width // factor, 1), max(height // factor, 1))
    down, up = _DOWN[int(rng.integers(len(_DOWN)))], _UP[int(rng.integers(len(_UP)))]
    return np.array(Image.fromarray(colormap).resize(small, down).resize((width, height), up))
