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
# One an entity, far from each other.
ENTITY_COLORS = {
    "red": (230, 60, 60),
    "green": (60, 170, 75),
    "blue": (60, 110, 230),
    "yellow": (250, 220, 60),
    "violet": (170, 70, 210),
    "cyan": (70, 210, 220),
}
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


def painted_entities(layers: Sequence[Image.Image], size: tuple[int, int]) -> np.ndarray | None:
    """Return what was painted in the `ENTITY_COLORS` as labels (h, w) int32 of a `size`: the place
    of the nearest colour, from 1; 0 where nothing is. None if nothing is anywhere."""
    colors = np.array(list(ENTITY_COLORS.values()), np.float32)
    labels = np.zeros(size, np.int32)
    for layer in layers:
        scaled = layer.convert("RGBA").resize((size[1], size[0]), Image.Resampling.NEAREST)
        pixels = np.asarray(scaled)
        there = pixels[..., 3] > 127
        far = np.linalg.norm(pixels[there][:, None, :3] - colors, axis=2)
        labels[there] = far.argmin(axis=1) + 1
    return labels if labels.any() else None


def _shown_size(width: int, height: int) -> tuple[int, int]:
    scale = max(1.0, SHOWN_SIDE / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))
