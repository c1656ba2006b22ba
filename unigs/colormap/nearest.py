"""A plain decoder: every pixel takes the nearest of the palette colours that the image needs.

It asks nothing of a region's edge, so that it holds up on the blurred colormaps of a network in
its first minutes, where decoders that look for flat ground find little.
"""

from __future__ import annotations

import numpy as np

from unigs.colormap.bins import check_colormap
from unigs.colormap.decoded import Decoded
from unigs.colormap.guide import follow_image
from unigs.colormap.palette import Palette

# Of the softmax behind scores: half the distance of neighbouring levels.
SOFTNESS = 32.0
# Distance of neighbouring palette levels.
LEVEL = 64.0


def decode_nearest(
    colormap: np.ndarray,
    palette: Palette | None = None,
    background: bool = True,
    min_area: float = 1 / 64,
    image: np.ndarray | None = None,
    follow_edges: bool = True,
) -> Decoded:
    """Return the entities of `colormap` (h, w, 3) uint8 by nearest palette colour.

    Blur between two entities shows colours of a third. So colours leave one by one, the least
    missed first: without it, its pixels take the nearest of the colours that stay, and what that
    adds to their squared distances is compared with an entity one palette level away.

    Args:
        palette: the palette of the colormap; it must be given.
        background: black is a colour too, which always stays and means nothing.
        min_area: share of the image. A colour leaves that fewer pixels take, or that is missed
            less than an entity of this size whose colour is one level (64) from another's.
        image: (h, w, 3) uint8, the photograph, whose edges the colormap then follows first.
        follow_edges: False ignores `image`. Edges help where blur is as narrow as an entity's
            border; on colormaps that are blurred all over they draw the wrong colours along.

    Scores are the mean over an entity's pixels of the softmax over colours of
    -distance / 32.

    Raises:
        ValueError: no palette, or a colormap or an image of another shape or type.
    """
    if palette is None:
        raise ValueError("decoder 'nearest' needs the palette of the colormap")
    colormap = check_colormap(colormap)
    if image is not None and follow_edges:
        colormap = follow_image(colormap, check_colormap(image, "an image"))
    height, width = colormap.shape[:2]
    if colormap.size == 0:
        return Decoded(np.zeros((height, width), np.int32), np.zeros(0, np.float32))
    first = 0 if background else 1
    colors = np.concatenate([np.zeros((1, 3)), palette.colors])[first:].astype(np.float32)
    packed = colormap.reshape(-1, 3).astype(np.int64) @ (65536, 256, 1)
    values, place, counts = np.unique(packed, return_inverse=True, return_counts=True)
    points = np.stack([values >> 16, values >> 8 & 255, values & 255], axis=1).astype(np.float32)
    square = ((points[:, None] - colors[None]) ** 2).sum(axis=2)
    stays = _needed(square, counts, background, min_area * height * width)
    distance = np.sqrt(square[:, stays])
    label = distance.argmin(axis=1)
    weight = np.exp((distance.min(axis=1, keepdims=True) - distance) / SOFTNESS)
    confidence = weight.max(axis=1) / weight.sum(axis=1)
    areas = np.bincount(label, counts, minlength=len(stays))
    means = np.bincount(label, confidence * counts, minlength=len(stays)) / np.maximum(areas, 1)
    entities = np.arange(int(background), len(stays))
    entities = entities[np.argsort(-areas[entities], kind="stable")]
    entities = entities[areas[entities] > 0]
    numbers = np.zeros(len(stays), dtype=np.int32)
    numbers[entities] = np.arange(1, len(entities) + 1)
    segments = numbers[label][place].reshape(height, width)
    return Decoded(segments, means[entities].astype(np.float32))


def _needed(square: np.ndarray, counts: np.ndarray, background: bool, pixels: float) -> np.ndarray:
    """Return the colours that stay, ascending; `square` (points, colours), `counts` pixels per
    point."""
    taken = np.bincount(square.argmin(axis=1), counts, minlength=square.shape[1])
    alive = [color for color, area in enumerate(taken) if area or (background and not color)]
    while len(alive) > 1:
        rest = square[:, alive]
        order = np.argpartition(rest, 1, axis=1)[:, :2]
        pair = np.take_along_axis(rest, order, axis=1)
        best = np.where(pair[:, 0] <= pair[:, 1], order[:, 0], order[:, 1])
        missed = np.bincount(best, np.abs(pair[:, 1] - pair[:, 0]) * counts, len(alive))
        areas = np.bincount(best, counts, len(alive))
        missed[areas < pixels] = 0
        if background:
            missed[0] = np.inf
        least = int(missed.argmin())
        if missed[least] >= pixels * LEVEL**2:
            break
        alive.pop(least)
    return np.array(alive)
