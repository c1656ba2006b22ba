"""sRGB to CIELAB (D65), and the pixel features of the paper's equation 7."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from unigs.io.kernels import kernel, kernel_part

FEATURES = ("rgb", "lab", "rgb+lab")

_TO_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
_WHITE = _TO_XYZ.sum(axis=1)
# So far the root of CIELAB is a straight line.
_LINE = (6 / 29) ** 3


@lru_cache(maxsize=1)
def _linear_table() -> np.ndarray:
    value = np.arange(256) / 255.0
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


@lru_cache(maxsize=1)
def _root_table() -> np.ndarray:
    return np.cbrt(np.linspace(0, 1, 4097))


@kernel_part
def _between(place, table):
    """Value of `table` at `place` >= 0, on the straight line between its neighbours."""
    last = len(table) - 2.0
    low = np.uint32(place if place < last else last)
    return table[low] + (place - low) * (table[low + np.uint32(1)] - table[low])


@kernel_part
def _root(ratio, roots):
    if ratio <= _LINE:
        return ratio * (29 / 6) ** 2 / 3 + 4 / 29
    # One step of Halley's from the table is exact to rounding, and quicker than a cube root.
    guess = _between(ratio * (len(roots) - 1), roots)
    cube = guess * guess * guess
    return guess * (cube + 2 * ratio) / (2 * cube + ratio)


@kernel
def _to_lab(colors, table, roots, matrix, out):
    for i in range(len(colors)):
        red = _between(colors[i, 0], table)
        green = _between(colors[i, 1], table)
        blue = _between(colors[i, 2], table)
        x = _root(matrix[0, 0] * red + matrix[0, 1] * green + matrix[0, 2] * blue, roots)
        y = _root(matrix[1, 0] * red + matrix[1, 1] * green + matrix[1, 2] * blue, roots)
        z = _root(matrix[2, 0] * red + matrix[2, 1] * green + matrix[2, 2] * blue, roots)
        out[i, 0] = 116 * y - 16
        out[i, 1] = 500 * (x - y)
        out[i, 2] = 200 * (y - z)


def rgb_to_lab(colors: np.ndarray) -> np.ndarray:
    """Return CIELAB of sRGB colours (..., 3) in 0..255: float64, L in 0..100, a and b about
    -108..98.

    The reference white is the image of (255, 255, 255), so greys have a = b = 0. Between whole
    levels the gamma curve is interpolated linearly.
    """
    array = np.asarray(colors, np.float64)
    flat = np.clip(array, 0, 255, order="C").reshape(-1, 3)
    out = np.empty_like(flat)
    matrix = _TO_XYZ / _WHITE[:, None]
    _to_lab(flat, _linear_table(), _root_table(), matrix, out)
    return out.reshape(array.shape)


def pixel_features(colors: np.ndarray, features: str = "rgb+lab") -> np.ndarray:
    """Return the features p of colours (n, 3) in 0..255 as (n, 3 or 6) float64 (paper, section
    3.2).

    RGB in 0..255 and CIELAB in its native scale, side by side.
    """
    if features not in FEATURES:
        raise ValueError(f"features must be one of {', '.join(FEATURES)}, not {features!r}")
    if features == "rgb":
        return np.asarray(colors, np.float64)
    lab = rgb_to_lab(colors)
    if features == "lab":
        return lab
    return np.concatenate([np.asarray(colors, np.float64), lab], axis=-1)
