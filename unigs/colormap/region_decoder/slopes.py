"""Bands along blurred boundaries: the slope between two colours is not an entity."""

from __future__ import annotations

import numpy as np

from unigs.colormap.region_decoder.contacts import connected_parts, contacts, measure
from unigs.colormap.region_decoder.location import Cells
from unigs.io.label_kernels import look_up

# Of a slope: its width in pixels at most, the least share of its rim that it has in common with two
# neighbours together, with the second of them, and the deviation of its colour in levels.
WIDEST = 6.0
FLANKS = 0.75
WEAKER_FLANK = 0.2
UNEVEN = 6.0
# Its mean lies this far from either neighbour's, in shares of the way between them.
END = 0.1


def _flanks(
    count: int, pairs: np.ndarray, length: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Per part: its two longest neighbours (n, 2), -1 where it has fewer, those contacts' lengths
    (n, 2), and its whole rim (n,)."""
    part, other = pairs.ravel(), pairs[:, ::-1].ravel()
    lengths = np.repeat(length, 2)
    rim = np.bincount(part, lengths, count)
    order = np.lexsort((-lengths, part))
    neighbours = np.bincount(part, minlength=count)
    start = np.cumsum(neighbours) - neighbours
    sides, shared = np.full((count, 2), -1), np.zeros((count, 2), np.int64)
    for rank in range(2):
        has = np.flatnonzero(neighbours > rank)
        at = order[start[has] + rank]
        sides[has, rank], shared[has, rank] = other[at], lengths[at]
    return sides, shared, rim


def _between(
    moments: np.ndarray,
    sides: np.ndarray,
    shared: np.ndarray,
    rim: np.ndarray,
    gap: float,
) -> np.ndarray:
    """Return the parts (n,) that are narrow and uneven, and whose mean lies between those of their
    neighbours on either side."""
    area = moments[:, 0]
    means = moments[:, 1:4] / area[:, None]
    narrow = (sides[:, 1] >= 0) & (2 * area <= WIDEST * rim)
    narrow &= (shared.sum(axis=1) >= FLANKS * rim) & (shared[:, 1] >= WEAKER_FLANK * rim)
    parts = np.flatnonzero(narrow)
    mean = means[parts]
    parts = parts[moments[parts, 4] / area[parts] - (mean * mean).sum(axis=1) >= UNEVEN * UNEVEN]
    mean, first = means[parts], means[sides[parts, 0]]
    along = means[sides[parts, 1]] - first
    span = (along * along).sum(axis=1)
    share = ((mean - first) * along).sum(axis=1) / np.maximum(span, 1e-9)
    away = mean - first - share[:, None] * along
    return parts[(share >= END) & (share <= 1 - END) & ((away * away).sum(axis=1) <= gap * gap)]


def clear_slopes(
    labels: np.ndarray, pixels: np.ndarray, cells: Cells, *, gap: float, price: float
) -> bool:
    """Set the parts of `labels` (h, w) int32 that are slopes to -1, in place; True if any.

    A slope is a narrow part of uneven colour that runs between two others, whose mean lies within
    `gap` of the segment between theirs, and whose colour does not belong where it lies
    (`best_cell` not below `price`). A thin entity in a sharp colormap is even, and stays.
    """
    parts, label_of = connected_parts(labels)
    count = len(label_of)
    pairs, length, _ = contacts(parts, pixels)
    moments = measure(parts, pixels, count)
    narrow = _between(moments, *_flanks(count, pairs, length), gap)
    places = moments[narrow, 5:7] / moments[narrow, :1]
    prices = cells.prices(moments[narrow, 1:4] / moments[narrow, :1], places)
    slopes = narrow[prices >= price]
    if len(slopes) == 0:
        return False
    label_of[slopes] = -1
    labels[...] = look_up(parts, label_of)
    return True
