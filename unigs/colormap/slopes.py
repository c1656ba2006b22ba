"""Bands along blurred boundaries: the slope between two colours is not an entity."""

from __future__ import annotations

import numpy as np

from unigs.colormap.contacts import components, contacts, measure
from unigs.colormap.location import Cells, best_cell
from unigs.io.kernels import kernel

WIDEST = 6.0
FLANKS = 0.75
WEAKER_FLANK = 0.2
EVEN = 6.0


@kernel
def _flanks(count, pairs, length):
    """Per part: its two longest neighbours (n, 2), those contacts' lengths, and the whole rim."""
    sides = np.full((count, 2), -1, np.int64)
    shared = np.zeros((count, 2), np.int64)
    rim = np.zeros(count, np.int64)
    for i in range(len(pairs)):
        for end in range(2):
            part, other = pairs[i, end], pairs[i, 1 - end]
            rim[part] += length[i]
            if length[i] > shared[part, 0]:
                sides[part, 1], shared[part, 1] = sides[part, 0], shared[part, 0]
                sides[part, 0], shared[part, 0] = other, length[i]
            elif length[i] > shared[part, 1]:
                sides[part, 1], shared[part, 1] = other, length[i]
    return sides, shared, rim


@kernel
def _judge(moments, sides, shared, rim, gap, price, cells, grid):
    count = len(moments)
    slope = np.zeros(count, np.bool_)
    for part in range(count):
        area = moments[part, 0]
        if sides[part, 1] < 0 or 2 * area > WIDEST * rim[part]:
            continue
        if shared[part].sum() < FLANKS * rim[part] or shared[part, 1] < WEAKER_FLANK * rim[part]:
            continue
        mean = moments[part, 1:4] / area
        if moments[part, 4] / area - (mean * mean).sum() < EVEN * EVEN:
            continue
        first = moments[sides[part, 0], 1:4] / moments[sides[part, 0], 0]
        second = moments[sides[part, 1], 1:4] / moments[sides[part, 1], 0]
        along = second - first
        span = (along * along).sum()
        share = ((mean - first) * along).sum() / max(span, 1e-9)
        away = mean - first - share * along
        if share < 0.1 or share > 0.9 or (away * away).sum() > gap * gap:
            continue
        x, y = moments[part, 5] / area, moments[part, 6] / area
        slope[part] = best_cell(mean, x, y, cells, grid)[1] >= price
    return slope


@kernel
def _clear(labels, parts, slope):
    for i in range(labels.size):
        if slope[parts[i]]:
            labels[i] = -1


def clear_slopes(
    labels: np.ndarray, pixels: np.ndarray, cells: Cells, *, gap: float, price: float
) -> bool:
    """Set the parts of `labels` (h, w) int32 that are slopes to -1, in place; True if any.

    A slope is a narrow part of uneven colour that runs between two others, whose mean lies within
    `gap` of the segment between theirs, and whose colour does not belong where it lies
    (`best_cell` not below `price`). A thin entity in a sharp colormap is even, and stays.
    """
    parts = np.empty_like(labels)
    count = components(labels, parts)
    pairs, length, _ = contacts(parts, pixels)
    sides, shared, rim = _flanks(count, pairs, length)
    moments = measure(parts, pixels, count)
    slope = _judge(moments, sides, shared, rim, gap, price, cells.colors, cells.grid)
    if not slope.any():
        return False
    _clear(labels.reshape(-1), parts.reshape(-1), slope)
    return True
