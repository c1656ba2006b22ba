"""2-means of weighted points of six features, stored as the columns of (6, k).

The kernels work on a slice of the columns, so that the parts of a part lie side by side.
"""

from __future__ import annotations

import numpy as np

from unigs.io.kernels import kernel

MAX_ITERATIONS = 300
# Instead of a length of zero: points that are all alike have no axis, and two equal seeds.
TINY = 1e-300


@kernel
def rows_of(points, start, stop):
    """The six features by themselves: sums over them then stay in registers."""
    return (
        points[0, start:stop],
        points[1, start:stop],
        points[2, start:stop],
        points[3, start:stop],
        points[4, start:stop],
        points[5, start:stop],
    )


@kernel
def sums_of(points, weights, start, stop):
    """Weighted sum of each feature, then the sum of the weights: (f + 1,)."""
    width = len(points)
    sums = np.empty(width + 1)
    weight = weights[start:stop]
    for f in range(width):
        row = points[f, start:stop]
        total = 0.0
        for i in range(len(row)):
            total += weight[i] * row[i]
        sums[f] = total
    sums[width] = weight.sum()
    return sums


@kernel
def two_seeds(points, weights, start, stop):
    """Two seeds for 2-means: the weighted mean plus and minus one deviation along the main axis.

    `points` (f, k), of which `start:stop` count. The axis is the one of greatest variance, by 12
    power iterations from the row of the feature that varies most; no randomness.
    """
    width = len(points)
    sums = sums_of(points, weights, start, stop)
    mean = sums[:width] / sums[width]
    spread = np.empty((width, width))
    weight = weights[start:stop]
    weighted = np.empty(stop - start)
    for f in range(width):
        row = points[f, start:stop]
        for i in range(len(row)):
            weighted[i] = weight[i] * (row[i] - mean[f])
        for g in range(f, width):
            other = points[g, start:stop]
            product = 0.0
            for i in range(len(other)):
                product += weighted[i] * (other[i] - mean[g])
            spread[f, g] = spread[g, f] = product
    best = 0
    for f in range(width):
        if spread[f, f] > spread[best, best]:
            best = f
    axis, unit = spread[best].copy(), np.empty(width)
    length = max(np.sqrt((axis * axis).sum()), TINY)
    for _ in range(12):
        square = 0.0
        for f in range(width):
            unit[f] = axis[f] / length
        for f in range(width):
            product = 0.0
            for g in range(width):
                product += spread[f, g] * unit[g]
            axis[f] = product
            square += product * product
        length = max(np.sqrt(square), TINY)
    step = axis / length * np.sqrt(length / sums[width])
    return mean - step, mean + step


@kernel
def _beyond(points, weights, start, stop, axis, threshold, side, sums):
    """Mark in `side` and sum up in `sums` the points beyond a plane; how many changed sides."""
    red, green, blue, light, a, b = rows_of(points, start, stop)
    weight = weights[start:stop]
    red_sum = green_sum = blue_sum = light_sum = a_sum = b_sum = total = 0.0
    changed = 0
    for i in range(len(weight)):
        along = axis[0] * red[i] + axis[1] * green[i] + axis[2] * blue[i]
        along += axis[3] * light[i] + axis[4] * a[i] + axis[5] * b[i]
        far = along > threshold
        changed += far != side[i]
        side[i] = far
        # No branch: it would be guessed wrong more often than the sums cost.
        moved = weight[i] if far else 0.0
        red_sum += moved * red[i]
        green_sum += moved * green[i]
        blue_sum += moved * blue[i]
        light_sum += moved * light[i]
        a_sum += moved * a[i]
        b_sum += moved * b[i]
        total += moved
    sums[0], sums[1], sums[2], sums[3] = red_sum, green_sum, blue_sum, light_sum
    sums[4], sums[5], sums[6] = a_sum, b_sum, total
    return changed


@kernel
def two_means(points, weights, sums, start, stop, first, second):
    """Lloyd's algorithm on a slice, from two seeds, until no point changes sides.

    `sums` is that of `sums_of` for the slice. Returns which points are on the second side, and
    their own sums.
    """
    side = np.zeros(stop - start, np.bool_)
    far, axis = np.zeros(7), np.empty(6)
    for _ in range(MAX_ITERATIONS):
        threshold = 0.0
        for f in range(6):
            axis[f] = second[f] - first[f]
            threshold += axis[f] * (second[f] + first[f]) / 2
        changed = _beyond(points, weights, start, stop, axis, threshold, side, far)
        if changed == 0 or far[6] <= 0 or far[6] >= sums[6]:
            break
        for f in range(6):
            second[f] = far[f] / far[6]
            first[f] = (sums[f] - far[f]) / (sums[6] - far[6])
    return side, far


@kernel
def partition(points, weights, order, start, stop, side):
    """Move the points of the second side behind the others; where they start."""
    low, high = start, stop - 1
    while True:
        while low <= high and not side[low - start]:
            low += 1
        while low < high and side[high - start]:
            high -= 1
        if low >= high:
            return low
        for f in range(6):
            points[f, low], points[f, high] = points[f, high], points[f, low]
        weights[low], weights[high] = weights[high], weights[low]
        order[low], order[high] = order[high], order[low]
        low += 1
        high -= 1
