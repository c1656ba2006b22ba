"""2-means of weighted points of six features, stored as the columns of (6, k).

The functions work on a slice of the columns, so that the parts of a part lie side by side, and fill
arrays that they are given. An unsigned index, which cannot count from the end, lets loops over a
slice vectorise. `sums` (7,) are the weighted sums of the features and that of the
weights.
"""

from __future__ import annotations

import numpy as np

from unigs.io.kernels import kernel_part

MAX_ITERATIONS = 300
# Added to a length, which may be zero: points that are all alike have no axis, and two equal seeds.
TINY = 1e-300


def scratch_of(count: int) -> tuple[np.ndarray, ...]:
    """Arrays for two-means of up to `count` points: work, first, second, sums, far, weighted and
    side, as the functions below name them."""
    return (
        np.empty((7, 6)),
        *np.empty((2, 6)),
        *np.empty((2, 7)),
        np.empty(count),
        np.empty(count, np.bool_),
    )


@kernel_part
def sums_of(points, weights, start, stop, sums):
    """Fill `sums` (7,) with those of a slice."""
    for f in range(6):
        total = 0.0
        for i in range(np.uint64(start), np.uint64(stop)):
            total += weights[i] * points[f, i]
        sums[f] = total
    total = 0.0
    for i in range(np.uint64(start), np.uint64(stop)):
        total += weights[i]
    sums[6] = total


@kernel_part
def two_seeds(points, weights, start, stop, sums, weighted, work, first, second):
    """Fill `first` and `second` (6,) with seeds for 2-means: the weighted mean plus and minus one
    deviation along the main axis.

    The axis is the one of greatest variance, by 12 power iterations from the row of the feature
    that varies most; no randomness. `sums` is that of `sums_of`; `weighted` (k,) and `work` (7, 6)
    are for use in here.
    """
    for f in range(6):
        first[f] = sums[f] / sums[6]
    for f in range(6):
        middle = first[f]
        for i in range(np.uint64(start), np.uint64(stop)):
            weighted[i] = weights[i] * (points[f, i] - middle)
        for g in range(f, 6):
            middle = first[g]
            product = 0.0
            for i in range(np.uint64(start), np.uint64(stop)):
                product += weighted[i] * (points[g, i] - middle)
            work[f, g] = product
            work[g, f] = product
    best = 0
    for f in range(6):
        if work[f, f] > work[best, best]:
            best = f
    square = 0.0
    for f in range(6):
        second[f] = work[best, f]
        square += second[f] * second[f]
    length = np.sqrt(square) + TINY
    for _ in range(12):
        square = 0.0
        for f in range(6):
            work[6, f] = second[f] / length
        for f in range(6):
            product = 0.0
            for g in range(6):
                product += work[f, g] * work[6, g]
            second[f] = product
            square += product * product
        length = np.sqrt(square) + TINY
    for f in range(6):
        step = second[f] / length * np.sqrt(length / sums[6])
        second[f] = first[f] + step
        first[f] -= step


@kernel_part
def _beyond(points, weights, start, stop, first, second, side, far):
    """Mark in `side` and sum up in `far` the points nearer to `second`; how many changed sides."""
    a0 = second[0] - first[0]
    a1 = second[1] - first[1]
    a2 = second[2] - first[2]
    a3 = second[3] - first[3]
    a4 = second[4] - first[4]
    a5 = second[5] - first[5]
    threshold = 0.0
    for f in range(6):
        threshold += (second[f] - first[f]) * (second[f] + first[f]) / 2
    s0 = s1 = s2 = s3 = s4 = s5 = total = 0.0
    changed = 0
    for i in range(np.uint64(start), np.uint64(stop)):
        along = a0 * points[0, i] + a1 * points[1, i] + a2 * points[2, i]
        along += a3 * points[3, i] + a4 * points[4, i] + a5 * points[5, i]
        beyond = along > threshold
        changed += beyond != side[i]
        side[i] = beyond
        # No branch: it would be guessed wrong more often than the sums cost.
        moved = weights[i] if beyond else 0.0
        s0 += moved * points[0, i]
        s1 += moved * points[1, i]
        s2 += moved * points[2, i]
        s3 += moved * points[3, i]
        s4 += moved * points[4, i]
        s5 += moved * points[5, i]
        total += moved
    far[0] = s0
    far[1] = s1
    far[2] = s2
    far[3] = s3
    far[4] = s4
    far[5] = s5
    far[6] = total
    return changed


@kernel_part
def two_means(points, weights, sums, start, stop, first, second, side, far):
    """Lloyd's algorithm on a slice, from two seeds, until no point changes sides.

    `sums` is that of `sums_of` for the slice. Fills `side` (k,) bool, which points are on the
    second side, and `far` (7,), their sums; `first` and `second` become the means.
    """
    for i in range(np.uint64(start), np.uint64(stop)):
        side[i] = False
    for _ in range(MAX_ITERATIONS):
        changed = _beyond(points, weights, start, stop, first, second, side, far)
        if changed == 0 or far[6] <= 0 or far[6] >= sums[6]:
            break
        for f in range(6):
            second[f] = far[f] / far[6]
            first[f] = (sums[f] - far[f]) / (sums[6] - far[6])


@kernel_part
def _swap(points, weights, order, i, j):
    for f in range(6):
        value = points[f, i]
        points[f, i] = points[f, j]
        points[f, j] = value
    weight = weights[i]
    weights[i] = weights[j]
    weights[j] = weight
    place = order[i]
    order[i] = order[j]
    order[j] = place


@kernel_part
def partition(points, weights, order, start, stop, side):
    """Move the points of the second side behind the others; where they start."""
    low = start
    high = stop - 1
    while True:
        while low <= high and not side[low]:
            low += 1
        while low < high and side[high]:
            high -= 1
        if low >= high:
            return low
        _swap(points, weights, order, low, high)
        low += 1
        high -= 1
