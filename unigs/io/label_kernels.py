"""The loops over label maps that reading and drawing spend their time in, compiled."""

from __future__ import annotations

import numpy as np

from unigs.io.kernels import kernel


def _plain(array: np.ndarray, dtype: type[np.generic] = np.int32) -> np.ndarray:
    """The one kind of array that the kernels are compiled for."""
    return np.require(array, dtype, ("C", "A", "W"))


def look_up(segments: np.ndarray, table: np.ndarray) -> np.ndarray:
    """``table[segments]``: (h, w) int32; `table` is int32, every label must have an entry."""
    labels = _plain(segments)
    found = np.empty_like(labels)
    _look_up(labels.reshape(-1), _plain(table), found.reshape(-1))
    return found


def pick(segments: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return (len(rows), len(columns)) int32: the labels where some rows and columns cross."""
    found = np.empty((len(rows), len(columns)), dtype=np.int32)
    _pick(_plain(segments), rows, columns, found)
    return found


def count_inside(segments: np.ndarray, mask: np.ndarray, labels: int) -> np.ndarray:
    """Return (labels,) int64: how many pixels of each label 0..labels-1, the only ones, are in a
    mask."""
    counts = np.zeros(labels, dtype=np.int64)
    inside = _plain(mask, np.bool_).reshape(-1)
    _count(_plain(segments).reshape(-1), inside, counts)
    return counts


@kernel
def _look_up(flat, table, found):
    for i in range(flat.size):
        found[i] = table[flat[i]]


@kernel
def _pick(segments, rows, columns, found):
    for y in range(rows.size):
        row = rows[y]
        for x in range(columns.size):
            found[y, x] = segments[row, columns[x]]


@kernel
def _count(flat, mask, counts):
    for i in range(flat.size):
        counts[flat[i]] += mask[i]
