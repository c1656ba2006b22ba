"""The closest of some centres to each of many points."""

from __future__ import annotations

import numpy as np

from unigs.io.kernels import kernel


def closest(points: np.ndarray, centers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each of `points` (k, 3 or 6) the closest of `centers` (n, 3 or 6), the first of equals.

    Returns its index (k,) int32 and its distance squared (k,) float64: 0 and infinity where
    there is no centre.
    """
    which, least = np.zeros(len(points), np.int32), np.full(len(points), np.inf)
    columns = np.ascontiguousarray(points.T, np.float64)
    _closest(columns, np.ascontiguousarray(centers, np.float64), np.empty_like(least), which, least)
    return which, least


@kernel
def _closest(columns, centers, square, which, least):
    features, count = columns.shape
    for j in range(len(centers)):
        # All points against one centre, without a branch, so that the loops vectorise.
        for f in range(0, features, 3):
            red = centers[j, f]
            green = centers[j, f + 1]
            blue = centers[j, f + 2]
            for i in range(count):
                r = columns[f, i] - red
                g = columns[f + 1, i] - green
                b = columns[f + 2, i] - blue
                away = r * r + g * g + b * b
                square[i] = away if f == 0 else square[i] + away
        for i in range(count):
            closer = square[i] < least[i]
            least[i] = square[i] if closer else least[i]
            which[i] = j if closer else which[i]
