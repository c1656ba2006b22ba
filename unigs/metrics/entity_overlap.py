"""Which entities of two label maps are the same."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment


def overlap_matrix(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """IoU of every entity of `first` with every one of `second`, (n, m) float64.

    Both are (h, w) integers, 0 = nothing; row i stands for label i + 1.
    """
    rows, columns = int(first.max(initial=0)) + 1, int(second.max(initial=0)) + 1
    pairs = first.astype(np.int64).ravel() * columns + second.ravel()
    both = np.bincount(pairs, minlength=rows * columns).reshape(rows, columns)
    union = both.sum(1, keepdims=True) + both.sum(0, keepdims=True) - both
    return (both / np.maximum(union, 1))[1:, 1:]


def best_pairs(overlap: np.ndarray) -> list[tuple[int, int]]:
    """One-to-one pairs (row, column) with the largest total IoU, those without overlap left out."""
    rows, columns = linear_sum_assignment(overlap, maximize=True)
    pairs = zip(rows.tolist(), columns.tolist(), strict=True)
    return [(row, column) for row, column in pairs if overlap[row, column] > 0]
