"""Small entities that grew over: pixels whose colour neither region nor boundary explains."""

from __future__ import annotations

import numpy as np

from unigs.colormap.region_decoder.contacts import connected_parts
from unigs.colormap.region_decoder.location import Cells
from unigs.io.kernels import kernel, kernel_part


@kernel_part
def _square(pixels, y, x, colors, label):
    square = 0.0
    for c in range(3):
        away = pixels[y, x, c] - colors[label, c]
        square += away * away
    return square


@kernel_part
def _gap(pixels, y, x, colors, start, end):
    """Squared distance of a pixel to the segment between two colours."""
    along = 0.0
    length = 1e-9
    for c in range(3):
        way = colors[end, c] - colors[start, c]
        along += (pixels[y, x, c] - colors[start, c]) * way
        length += way * way
    share = along / length
    if share < 0:
        share = 0.0
    if share > 1:
        share = 1.0
    square = 0.0
    for c in range(3):
        way = colors[end, c] - colors[start, c]
        away = pixels[y, x, c] - colors[start, c] - share * way
        square += away * away
    return square


@kernel
def _mark(labels, pixels, colors, far, gap, marks, at):
    """1 where the colour is `far` from its label's and from mixtures with labels nearby, else 0;
    the numbers of those pixels into `at`."""
    height, width = labels.shape
    found = 0
    for y in range(height):
        for x in range(width):
            marks[y, x] = 0
            label = labels[y, x]
            if _square(pixels, y, x, colors, label) <= far * far:
                continue
            mixed = False
            last = label
            for side in range(9):
                v = y + 2 * (side // 3) - 2
                if v < 0:
                    v = 0
                if v >= height:
                    v = height - 1
                u = x + 2 * (side % 3) - 2
                if u < 0:
                    u = 0
                if u >= width:
                    u = width - 1
                other = labels[v, u]
                if mixed or other == label:
                    continue
                if other == last:
                    continue
                last = other
                mixed = _gap(pixels, y, x, colors, label, other) < gap * gap
            if not mixed:
                marks[y, x] = 1
                at[found] = y * width + x
                found += 1
    return found


@kernel
def _claim(labels, pixels, colors, parts, names, owner):
    """Give marked parts, and the pixels beside them that fit better, their new labels.

    `names` are those of the parts, -1 for those that stay as they are, and index `colors`, as
    `owner` does, -1 everywhere at first.
    """
    height, width = labels.shape
    for y in range(height):
        for x in range(width):
            part = parts[y, x]
            name = names[part]
            if name < 0:
                continue
            for v in range(y - 1, y + 2):
                for u in range(x - 1, x + 2):
                    if v < 0 or v >= height or u < 0 or u >= width:
                        continue
                    own = owner[v, u]
                    if own < 0:
                        own = labels[v, u]
                    if _square(pixels, v, u, colors, name) < _square(pixels, v, u, colors, own):
                        owner[v, u] = name
    for y in range(height):
        for x in range(width):
            if owner[y, x] >= 0:
                labels[y, x] = owner[y, x]


def _peaks(
    labels: np.ndarray,
    pixels: np.ndarray,
    colors: np.ndarray,
    parts: np.ndarray,
    marked: np.ndarray,
    count: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Per part: pixels of `marked`, mean colour of those farthest from their old label, centre."""
    height, width = labels.shape
    rows, columns = np.divmod(marked, width)
    part, seen = parts[rows, columns], pixels[rows, columns].astype(np.float64)
    area = np.bincount(part, minlength=count)
    centers = [
        np.bincount(part, (place + 0.5) / size, count)
        for place, size in ((columns, width), (rows, height))
    ]
    square = ((seen - colors[labels[rows, columns]]) ** 2).sum(axis=1)
    top = np.zeros(count)
    np.maximum.at(top, part, square)
    far = square >= top[part] / 2
    sums = [np.bincount(part[far], seen[far, c], count) for c in range(3)]
    most = np.bincount(part[far], minlength=count)
    return (
        area,
        np.stack(sums, axis=1) / np.maximum(most, 1)[:, None],
        np.stack(centers, axis=1) / np.maximum(area, 1)[:, None],
    )


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
    marks, marked = np.empty_like(labels), np.empty(labels.size, np.int32)
    found = _mark(labels, pixels, colors, far, gap, marks, marked)
    if found < smallest:
        return colors
    parts, mark_of = connected_parts(marks)
    count = len(mark_of)
    area, peaks, places = _peaks(labels, pixels, colors, parts, marked[:found], count)
    chosen = np.flatnonzero(area >= smallest)
    chosen = chosen[cells.prices(peaks[chosen], places[chosen]) < price]
    if len(chosen) == 0:
        return colors
    names = np.full(count, -1, np.int32)
    names[chosen] = np.arange(len(colors), len(colors) + len(chosen))
    colors = np.concatenate([colors, peaks[chosen]])
    _claim(labels, pixels, colors, parts, names, np.full_like(labels, -1))
    return colors
