"""The photograph as a guide: a blurred colormap takes the photograph's edges.

In segmentation tasks the image is known, and an entity mostly ends where the image changes. The
guided filter (K. He, J. Sun, X. Tang, "Guided image filtering", 2013) makes the colormap, in every
small window, a linear function of the image's colours.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import uniform_filter

RADIUS = 1 / 16
# In squared units of an image in [0, 1]: below this variance a window has no edge.
FLATNESS = 1e-4
PASSES = 2


def follow_image(colormap: np.ndarray, image: np.ndarray) -> np.ndarray:
    """`colormap` with its edges moved to those of `image`, both (h, w, 3) uint8.

    The radius of the windows is 1/16 of the shorter side. Two passes; both numbers and the
    flatness were chosen on training scenes.

    Raises:
        ValueError: the two differ in size.
    """
    if image.shape != colormap.shape:
        raise ValueError(f"an image {image.shape} cannot guide a colormap {colormap.shape}")
    side = 2 * max(round(min(image.shape[:2]) * RADIUS), 1) + 1
    guide, values = image.astype(np.float64) / 255, colormap.astype(np.float64)
    middle = _mean(guide, side)
    spread = _mean(guide[..., :, None] * guide[..., None, :], side)
    spread -= middle[..., :, None] * middle[..., None, :]
    spread += FLATNESS * np.eye(3)
    for _ in range(PASSES):
        level = _mean(values, side)
        shared = _mean(guide[..., :, None] * values[..., None, :], side)
        shared -= middle[..., :, None] * level[..., None, :]
        slope = np.linalg.solve(spread, shared)
        offset = level - np.einsum("hwc,hwcd->hwd", middle, slope)
        values = np.einsum("hwc,hwcd->hwd", guide, _mean(slope, side)) + _mean(offset, side)
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _mean(values: np.ndarray, side: int) -> np.ndarray:
    return uniform_filter(values, (side, side) + (1,) * (values.ndim - 2), mode="nearest")
