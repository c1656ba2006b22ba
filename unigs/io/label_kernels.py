"""The loops over label maps that reading and drawing spend their time in, compiled."""

from __future__ import annotations

import numpy as np

from unigs.io.kernels import kernel


def look_up(segments: np.ndarray, table: np.ndarray) -> np.ndarray:
    """``table[segments]``: (h, w), of the table's type; every label must have an entry."""
    found = np.empty(segments.shape, dtype=table.dtype)
    _look_up(segments.reshape(-1), table, found.reshape(-1))
    return found


def pick(segments: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return (len(rows), len(columns)): the labels where some rows and columns cross."""
    found = np.empty((len(rows), len(columns)), dtype=segments.dtype)
    _pick(np.ascontiguousarray(segments), rows, columns, found)
    return found


def count_inside(segments: np.ndarray, mask: np.ndarray, labels: int) -> np.ndarray:
    """Return (labels,) int64: how many pixels of each label 0..labels-1, the only ones, are in a
    mask."""
    counts = np.zeros(labels, dtype=np.int64)
    _count(segments.reshape(-1), mask.reshape(-1), counts)
    return counts


@kernel
def _look_up(flat, table, found):
    for i in range(flat.size):
        found[i] = table[flat[i]]


@kernel
def _pick(segments, rows, columns, found):
    for y in range(rows.size):
        row = segments[rows[y]]
        for x in range(columns.size):
            found[y, x] = row[columns[x]]


@kernel
def _count(flat, mask, counts):
    for i in range(flat.size):
        counts[flat[i]] += mask[i]
