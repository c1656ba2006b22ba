"""sRGB to CIELAB (D65), and the pixel features of the paper's equation 7."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

FEATURES = ("rgb", "lab", "rgb+lab")

_TO_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
_WHITE = _TO_XYZ.sum(axis=1)


@lru_cache(maxsize=1)
def _linear_table() -> np.ndarray:
    value = np.arange(256) / 255.0
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def rgb_to_lab(colors: np.ndarray) -> np.ndarray:
    """CIELAB of sRGB colours (..., 3) uint8: float64, L in 0..100, a and b in about -108..98.

    The reference white is the image of (255, 255, 255), so greys have a = b = 0 exactly.
    """
    linear = _linear_table()[np.asarray(colors, np.uint8)]
    ratio = linear @ (_TO_XYZ / _WHITE[:, None]).T
    root = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio * (29 / 6) ** 2 / 3 + 4 / 29)
    x, y, z = root[..., 0], root[..., 1], root[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def pixel_features(colors: np.ndarray, features: str = "rgb+lab") -> np.ndarray:
    """Features p of colours (n, 3) uint8 as (n, 3 or 6) float64 (paper, section 3.2).

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
