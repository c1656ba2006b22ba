"""The photograph as a guide: a blurred colormap takes the photograph's edges.

In segmentation tasks the image is known, and an entity mostly ends where the image changes. The
guided filter (K. He, J. Sun, X. Tang, "Guided image filtering", 2013) makes the colormap, in every
small window, a linear function of the image's colours. Here pixels on a slope of the colormap
count little in that fit, and where the colormap's own edges are sharp it is left alone.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import maximum_filter, minimum_filter, uniform_filter

RADIUS = 1 / 16
# In squared units of an image in [0, 1]: below this variance a window has no edge.
FLATNESS = 3e-5
PASSES = 3
# Levels of 255 per pixel: on a slope this steep a pixel counts half.
STEEP = 16.0
# Pixels an edge takes: narrower than the first is sharp, wider than the second is blurred.
SHARP, BLURRED = 1.25, 2.0
EDGE_WINDOW = 9


def follow_image(colormap: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Return `colormap` with its blurred edges moved to those of `image`, both (h, w, 3) uint8.

    The radius of the windows is 1/16 of the shorter side. All numbers were chosen on training
    scenes and what a model predicted for them.

    Raises:
        ValueError: the two differ in size.
    """
    if image.shape != colormap.shape:
        raise ValueError(f"an image {image.shape} cannot guide a colormap {colormap.shape}")
    if colormap.size == 0:
        return colormap
    side = 2 * max(round(min(image.shape[:2]) * RADIUS), 1) + 1
    guide, given = image.astype(np.float64) / 255, colormap.astype(np.float64)
    values = given
    for _ in range(PASSES):
        values = _fit(values, guide, side)
    trust = np.clip((edge_width(colormap) - SHARP) / (BLURRED - SHARP), 0, 1)[..., None]
    return np.clip(np.rint(given + trust * (values - given)), 0, 255).astype(np.uint8)


def edge_width(colormap: np.ndarray) -> np.ndarray:
    """Return the width in pixels of the edges around every pixel of `colormap` (h, w, 3), (h, w)
    float64.

    The range of the colours within 9 x 9 pixels over the largest step between two neighbours
    there: 1 for an edge between two pixels, about 2.5 deviations for a Gaussian blur. Windows
    without any step have 0.
    """
    window = (EDGE_WINDOW, EDGE_WINDOW, 1)
    spread = np.subtract(
        maximum_filter(colormap, window), minimum_filter(colormap, window), dtype=np.int16
    ).max(axis=2)
    # From a pixel to the next; the window is one shorter, for it must not see a step beyond it.
    steps = _steps(colormap)
    down = maximum_filter(steps[0], (EDGE_WINDOW - 1, EDGE_WINDOW), mode="constant")
    right = maximum_filter(steps[1], (EDGE_WINDOW, EDGE_WINDOW - 1), mode="constant")
    return np.asarray(spread / np.maximum(np.maximum(down, right), 1))


def _steps(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Largest channel difference from each pixel to the next, down and right; 0 at the rim."""
    wide = values.astype(np.float64)
    down = np.abs(np.diff(wide, axis=0, append=wide[-1:])).max(axis=2)
    right = np.abs(np.diff(wide, axis=1, append=wide[:, -1:])).max(axis=2)
    return down, right


def _fit(values: np.ndarray, guide: np.ndarray, side: int) -> np.ndarray:
    """One pass of the guided filter, in which a pixel of `values` on a slope counts little."""
    down, right = _steps(values)
    slope = np.maximum(down, right)
    slope[1:] = np.maximum(slope[1:], down[:-1])
    slope[:, 1:] = np.maximum(slope[:, 1:], right[:, :-1])
    weight = 1 / (1 + (slope / STEEP) ** 2)
    total = _mean(weight, side)

    def mean(array: np.ndarray) -> np.ndarray:
        rest = (1,) * (array.ndim - 2)
        weighted = array * weight.reshape(weight.shape + rest)
        return np.asarray(_mean(weighted, side) / total.reshape(total.shape + rest))

    middle, level = mean(guide), mean(values)
    spread = mean(guide[..., :, None] * guide[..., None, :])
    spread -= middle[..., :, None] * middle[..., None, :]
    spread += FLATNESS * np.eye(3)
    shared = mean(guide[..., :, None] * values[..., None, :])
    shared -= middle[..., :, None] * level[..., None, :]
    gain = np.linalg.solve(spread, shared)
    offset = level - np.einsum("hwc,hwcd->hwd", middle, gain)
    return np.asarray(np.einsum("hwc,hwcd->hwd", guide, _mean(gain, side)) + _mean(offset, side))


def _mean(values: np.ndarray, side: int) -> np.ndarray:
    return uniform_filter(values, (side, side) + (1,) * (values.ndim - 2), mode="nearest")
