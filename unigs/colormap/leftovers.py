"""Small entities that grew over: pixels whose colour neither region nor boundary explains."""

from __future__ import annotations

import numpy as np

from unigs.colormap.contacts import components
from unigs.colormap.location import Cells, best_cell
from unigs.io.kernels import kernel


@kernel
def _square(pixels, y, x, color):
    square = 0.0
    for c in range(3):
        square += (pixels[y, x, c] - color[c]) ** 2
    return square


@kernel
def _gap(pixels, y, x, start, end):
    """Squared distance of a pixel to the segment between two colours."""
    along, length = 0.0, 1e-9
    for c in range(3):
        along += (pixels[y, x, c] - start[c]) * (end[c] - start[c])
        length += (end[c] - start[c]) ** 2
    share = min(max(along / length, 0.0), 1.0)
    square = 0.0
    for c in range(3):
        square += (pixels[y, x, c] - start[c] - share * (end[c] - start[c])) ** 2
    return square


@kernel
def _mark(labels, pixels, colors, far, gap, marks):
    """1 where the colour is `far` from its label's and from mixtures with labels nearby."""
    height, width = labels.shape
    found = 0
    for y in range(height):
        for x in range(width):
            marks[y, x] = 0
            label = labels[y, x]
            if _square(pixels, y, x, colors[label]) <= far * far:
                continue
            mixed = False
            last = label
            for v in (max(y - 2, 0), y, min(y + 2, height - 1)):
                for u in (max(x - 2, 0), x, min(x + 2, width - 1)):
                    other = labels[v, u]
                    if mixed or other in (label, last):
                        continue
                    last = other
                    mixed = _gap(pixels, y, x, colors[label], colors[other]) < gap * gap
            if not mixed:
                marks[y, x] = 1
                found += 1
    return found


@kernel
def _claim(labels, pixels, colors, parts, peaks, names):
    """Give marked parts, and the pixels beside them that fit better, their new labels."""
    height, width = labels.shape
    owner = np.full((height, width), -1, np.int32)
    for y in range(height):
        for x in range(width):
            part = parts[y, x]
            if names[part] < 0:
                continue
            for v in range(max(y - 1, 0), min(y + 2, height)):
                for u in range(max(x - 1, 0), min(x + 2, width)):
                    own = _square(pixels, v, u, colors[labels[v, u]])
                    new = _square(pixels, v, u, peaks[part])
                    if owner[v, u] >= 0:
                        own = _square(pixels, v, u, colors[owner[v, u]])
                    if new < own:
                        owner[v, u] = names[part]
    for y in range(height):
        for x in range(width):
            if owner[y, x] >= 0:
                labels[y, x] = owner[y, x]


@kernel
def _peaks(labels, pixels, colors, parts, marks, count):
    """Per part: marked pixels, mean colour of those farthest from their old label, centre."""
    height, width = labels.shape
    area, top = np.zeros(count, np.int64), np.zeros(count)
    place = np.zeros((count, 2))
    sums, weight = np.zeros((count, 3)), np.zeros(count)
    for turn in range(2):
        for y in range(height):
            for x in range(width):
                if marks[y, x] == 0:
                    continue
                part = parts[y, x]
                square = _square(pixels, y, x, colors[labels[y, x]])
                if turn == 0:
                    area[part] += 1
                    place[part, 0] += (x + 0.5) / width
                    place[part, 1] += (y + 0.5) / height
                    top[part] = max(top[part], square)
                elif square >= top[part] / 2:
                    weight[part] += 1
                    for c in range(3):
                        sums[part, c] += pixels[y, x, c]
    for part in range(count):
        place[part] /= max(area[part], 1)
        sums[part] /= max(weight[part], 1.0)
    return area, sums, place


@kernel
def _prices(peaks, places, cells, grid):
    out = np.empty(len(peaks))
    for i in range(len(peaks)):
        out[i] = best_cell(peaks[i], places[i, 0], places[i, 1], cells, grid)[1]
    return out


def recover(
    labels: np.ndarray,
    pixels: np.ndarray,
    colors: np.ndarray,
    cells: Cells,
    *,
    far: float,
    gap: float,
    smallest: int,
    price: float,
) -> np.ndarray:
    """Add a label for every group of at least `smallest` touching pixels that nothing explains.

    `labels` (h, w) int32 changes in place. A pixel is explained by the colour of its label within
    `far`, or by a mixture of it with the colour of a label two pixels away within `gap`.
    Only groups whose colour belongs where they lie are taken (`best_cell` below `price`).
    Returns `colors` (m, 3) with the colours of the new labels appended.
    """
    marks = np.empty_like(labels)
    if _mark(labels, pixels, colors, far, gap, marks) < smallest:
        return colors
    parts = np.empty_like(labels)
    count = components(marks, parts)
    area, peaks, places = _peaks(labels, pixels, colors, parts, marks, count)
    chosen = np.flatnonzero(area >= smallest)
    chosen = chosen[_prices(peaks[chosen], places[chosen], cells.colors, cells.grid) < price]
    if len(chosen) == 0:
        return colors
    names = np.full(count, -1, np.int32)
    names[chosen] = np.arange(len(colors), len(colors) + len(chosen))
    colors = np.concatenate([colors, peaks[chosen]])
    _claim(labels, pixels, colors, parts, peaks, names)
    return colors
