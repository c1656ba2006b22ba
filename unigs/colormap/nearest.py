"""The simplest decoder: every pixel takes the nearest palette colour.

It asks nothing of a region's edge, so that it holds up on the blurred colormaps of a network in
its first minutes, where decoders that look for flat ground find little.
"""

from __future__ import annotations

import numpy as np

from unigs.colormap.decoded import Decoded
from unigs.colormap.palette import Palette

SOFTNESS = 32.0


def decode_nearest(
    colormap: np.ndarray,
    palette: Palette | None = None,
    background: bool = True,
    min_area: float = 0.01,
) -> Decoded:
    """Entities of `colormap` (h, w, 3) uint8 by nearest palette colour.

    Args:
        palette: the palette of the colormap; it must be given.
        background: black is a colour too, and means nothing.
        min_area: share of the image below which a colour is no entity; its pixels go to the
            nearest of the colours that stay.

    Scores are the mean over an entity's pixels of the softmax over colours of
    -distance / 32.

    Raises:
        ValueError: no palette.
    """
    if palette is None:
        raise ValueError("decoder 'nearest' needs the palette of the colormap")
    height, width = colormap.shape[:2]
    first = 0 if background else 1
    colors = np.concatenate([np.zeros((1, 3)), palette.colors])[first:].astype(np.float32)
    pixels = colormap.reshape(-1, 3).astype(np.float32)
    distance = np.linalg.norm(pixels[:, None] - colors[None], axis=2)
    areas = np.bincount(distance.argmin(axis=1), minlength=len(colors))
    stays = areas >= min_area * len(pixels)
    if background:
        stays[0] = True
    if not stays.any():
        stays[areas.argmax()] = True
    distance = distance[:, stays]
    label = distance.argmin(axis=1)
    weight = np.exp((distance.min(axis=1, keepdims=True) - distance) / SOFTNESS)
    confidence = weight.max(axis=1) / weight.sum(axis=1)
    counts = np.bincount(label, minlength=distance.shape[1])
    means = np.bincount(label, confidence, minlength=len(counts)) / np.maximum(counts, 1)
    entities = np.arange(int(background), len(counts))
    entities = entities[np.argsort(-counts[entities], kind="stable")]
    entities = entities[counts[entities] > 0]
    numbers = np.zeros(len(counts), dtype=np.int32)
    numbers[entities] = np.arange(1, len(entities) + 1)
    return Decoded(numbers[label].reshape(height, width), means[entities].astype(np.float32))
