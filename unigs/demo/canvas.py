"""The canvas that people paint on, and what the strokes mean."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

# Longest side of the canvas and of shown answers, for pictures that are smaller.
SHOWN_SIDE = 640
BRUSH_SIZE = 28
# Translucent, so that the picture is seen below the strokes.
BRUSH = ("rgb(255, 64, 64)", 0.5)
# Of a pixel's area, from which on it counts as painted.
_COVERED = 64


def shown(picture: np.ndarray | Image.Image, smooth: bool = False) -> Image.Image:
    """Return a picture, (h, w, 3) uint8 or PIL, enlarged to `SHOWN_SIDE` if it is smaller, by
    repeating pixels or smoothly."""
    image = Image.fromarray(picture) if isinstance(picture, np.ndarray) else picture
    how = Image.Resampling.BICUBIC if smooth else Image.Resampling.NEAREST
    return image.resize(_shown_size(image.width, image.height), how)


def shown_mask(mask: np.ndarray) -> np.ndarray:
    """Return a mask (h, w) bool in the size of `shown`, as 0 or 1 in float32."""
    height, width = mask.shape
    image = Image.fromarray(mask.astype(np.uint8) * 255)
    enlarged = image.resize(_shown_size(width, height), Image.Resampling.NEAREST)
    return (np.asarray(enlarged) > 0).astype(np.float32)


def stroke_layer(mask: np.ndarray) -> Image.Image:
    """Return a layer, as the brush would have painted it, of a mask (h, w) bool."""
    covered = shown_mask(mask) > 0
    layer = np.zeros((*covered.shape, 4), np.uint8)
    layer[covered] = (255, 64, 64, round(255 * BRUSH[1]))
    return Image.fromarray(layer)


def coarse_mask(layers: Sequence[Image.Image], size: tuple[int, int]) -> np.ndarray | None:
    """Return where the layers of a canvas were painted on, as (h, w) bool of a picture's `size`;
    None if nowhere."""
    mask = np.zeros(size, dtype=bool)
    for layer in layers:
        alpha = np.asarray(layer.convert("RGBA"))[..., 3]
        whole = Image.fromarray((alpha > 0).astype(np.uint8) * 255)
        scaled = whole.resize((size[1], size[0]), Image.Resampling.BOX)
        mask |= np.asarray(scaled) >= _COVERED
    return mask if mask.any() else None


def _shown_size(width: int, height: int) -> tuple[int, int]:
    scale = max(1.0, SHOWN_SIDE / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))
