"""Label maps: checks, flattening of overlapping masks, and the moments of every label."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unigs.io.kernels import kernel
from unigs.io.label_kernels import look_up

DENSE_LABELS = 1 << 16


@dataclass(frozen=True, slots=True, eq=False)
class Regions:
    """The labels of one label map, ascending and without 0, with their moments.

    `labels` (n,) int64; `areas` (n,) int64 in pixels; `centroids` (n, 2) float64, (x, y) as mean
    pixel indices; `first` (n,) int64, the first pixel of each label in row order; `compact`
    (h, w) int32, the map with labels replaced by 0 and 1..n.
    """

    labels: np.ndarray
    areas: np.ndarray
    centroids: np.ndarray
    first: np.ndarray
    compact: np.ndarray


@kernel
def _moments(flat, width, area, sum_x, sum_y, first):
    for start in range(0, flat.size, width):
        y = start // width
        x = 0
        while x < width:
            label = flat[start + x]
            stop = x + 1
            while stop < width and flat[start + stop] == label:
                stop += 1
            length = stop - x
            if area[label] == 0:
                first[label] = start + x
            area[label] += length
            sum_x[label] += length * (x + stop - 1) // 2
            sum_y[label] += length * y
            x = stop


def check_segments(segments: np.ndarray) -> np.ndarray:
    """Return `segments` as a contiguous (h, w) array of an integer type.

    Raises ValueError for another rank, for a type that is neither integer nor bool, and for
    negative labels.
    """
    array = np.asarray(segments)
    if array.ndim != 2:
        raise ValueError(f"segments must have the shape (h, w), not {array.shape}")
    if array.dtype == bool:
        array = array.astype(np.uint8)
    if not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"segments must hold integer labels, not {array.dtype}")
    if array.size and np.issubdtype(array.dtype, np.signedinteger) and array.min() < 0:
        raise ValueError(f"segments must not hold negative labels, found {array.min()}")
    return np.ascontiguousarray(array)


def find_regions(segments: np.ndarray) -> Regions:
    """Area, centroid and first pixel of every label of `segments` (h, w), label 0 excepted."""
    array = check_segments(segments)
    values: np.ndarray | None = None
    dense = array
    if array.size and int(array.max()) >= DENSE_LABELS:
        values, inverse = np.unique(array, return_inverse=True)
        if values[0] != 0:
            values = np.concatenate([np.zeros(1, values.dtype), values])
            inverse = inverse + 1
        dense = inverse.reshape(array.shape)
    size = int(dense.max()) + 1 if dense.size else 1
    area, sum_x, sum_y, first = (np.zeros(size, np.int64) for _ in range(4))
    dense = np.require(dense, np.int32, ("C", "A", "W"))
    flat = dense.reshape(-1)
    if flat.size:
        _moments(flat, array.shape[1], area, sum_x, sum_y, first)
    present = np.flatnonzero(area[1:]) + 1
    table = np.zeros(size, np.int32)
    table[present] = np.arange(1, len(present) + 1)
    compact = look_up(dense, table)
    count = area[present].astype(np.float64)[:, None]
    centroids = np.stack([sum_x[present], sum_y[present]], axis=1) / count
    labels = present if values is None else values[present].astype(np.int64)
    return Regions(labels, area[present], centroids, first[present], compact)


def flatten_masks(masks: np.ndarray) -> np.ndarray:
    """Label map (h, w) int32 of masks (n, h, w) that may overlap, the smaller one on top.

    Mask i becomes label i + 1; of two masks of one area the later is on top. A mask that others
    cover entirely is absent from the result.
    """
    array = np.asarray(masks)
    if array.ndim != 3:
        raise ValueError(f"masks must have the shape (n, h, w), not {array.shape}")
    array = array.astype(bool, copy=False)
    segments = np.zeros(array.shape[1:], np.int32)
    areas = array.sum(axis=(1, 2))
    for index in np.argsort(-areas, kind="stable"):
        segments[array[index]] = index + 1
    return segments
