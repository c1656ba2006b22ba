"""Pixel weights under which every entity counts equally, however small."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import maximum_filter

# The most that an entity weighs beyond the ground, and the side of the window in pixels that its
# surroundings reach.
MOST_WEIGHT, AROUND = 12, 5
#: About nine latent pixels of Stable Diffusion.
AREA = 600


def weigh_pixels(labels: np.ndarray, area: float = AREA) -> np.ndarray:
    """Return the weight (h, w) float32 of every pixel's error: 1, and up to 13 in and near small
    entities.

    Entities are evaluated by their IoU, in which a pixel counts by the inverse of the area; a pixel
    beside a small entity can spoil it as much as one inside.

    Args:
        labels: (h, w) integers, 0 for nothing.
        area: entities of that many pixels weigh 1 more than the ground, smaller ones more.
    """
    counts = np.bincount(labels.ravel())
    extra = np.clip(area / np.maximum(counts, 1), 0, MOST_WEIGHT)
    extra[0] = 0
    return (1 + maximum_filter(extra[labels], AROUND)).astype(np.float32)
