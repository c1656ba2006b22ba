"""One-to-one matching of the entities of two label maps by intersection over union."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import label as connected_components
from scipy.optimize import linear_sum_assignment

from unigs.errors import DataError

__all__ = ["Matches", "match"]

_DENSE_LABELS = 1 << 16


@dataclass(frozen=True, slots=True, eq=False)
class Overlap:
    """Areas and intersections of the entities of a ground-truth and a predicted label map.

    ``gt_labels`` (g,) and ``pred_labels`` (p,) are the labels present, ascending, without 0.
    ``intersection`` (g, p), ``gt_area`` (g,) and ``pred_area`` (p,) are pixel counts, int64.
    """

    gt_labels: NDArray[np.int64]
    pred_labels: NDArray[np.int64]
    intersection: NDArray[np.int64]
    gt_area: NDArray[np.int64]
    pred_area: NDArray[np.int64]

    @property
    def iou(self) -> NDArray[np.float64]:
        """(g, p) float64 in [0, 1]."""
        union = self.gt_area[:, None] + self.pred_area[None, :] - self.intersection
        return self.intersection / np.maximum(union, 1)


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """Result of :func:`match`; arrays run over the ground-truth entities that own a pixel.

    ``gt_labels`` (g,) int64; ``pred_labels`` (g,) int64, the partner or 0; ``iou`` (g,) float64,
    0 where unmatched; ``covered`` (g,) int64, pixels shared with the partner; ``gt_area`` (g,);
    ``n_pred`` predicted entities with a pixel; ``empty_gt`` and ``empty_pred`` count the masks
    that were dropped because they own no pixel (outside the ignored area).
    """

    gt_labels: NDArray[np.int64]
    pred_labels: NDArray[np.int64]
    iou: NDArray[np.float64]
    covered: NDArray[np.int64]
    gt_area: NDArray[np.int64]
    n_pred: int
    empty_gt: int
    empty_pred: int


def _compact(labels: NDArray[np.integer]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the labels present (ascending, 0 first even if absent) and every pixel's index into
    them."""
    if labels.size and labels.max() >= _DENSE_LABELS:
        present = np.unique(np.append(labels, 0)).astype(np.int64)
        return present, np.searchsorted(present, labels)
    counts = np.bincount(labels, minlength=1)
    counts[0] = 1
    present = np.flatnonzero(counts)
    lookup = np.zeros(counts.size, np.int64)
    lookup[present] = np.arange(present.size)
    return present, lookup[labels]


def _label_map(values: ArrayLike, what: str) -> NDArray[np.integer]:
    array = np.asarray(values)
    if array.dtype == bool:
        array = array.view(np.uint8)
    if array.ndim != 2 or array.dtype.kind not in "iu":
        raise DataError(
            f"{what} label map has shape {array.shape} and type {array.dtype}; "
            "pass a (h, w) array of integers with 0 for nothing"
        )
    if array.dtype.kind == "u" and array.dtype.itemsize == 8:
        if array.size and array.max() > np.iinfo(np.int64).max:
            raise DataError(f"{what} label map holds the label {array.max()}; pass int64 or less")
        array = array.astype(np.int64)
    return np.maximum(array, 0) if array.size and array.min() < 0 else array


def overlap(gt: ArrayLike, pred: ArrayLike, ignore: ArrayLike | None = None) -> Overlap:
    """Count the shared pixels of every pair of labels with a single ``bincount``.

    ``gt`` and ``pred`` are (h, w) integer label maps, 0 (or less) = nothing. Pixels where
    ``ignore`` (h, w) bool is True count on neither side. Raises :class:`DataError` on shapes
    that differ and on what is no label map.
    """
    gt_map, pred_map = _label_map(gt, "ground-truth"), _label_map(pred, "predicted")
    if gt_map.shape != pred_map.shape:
        raise DataError(
            f"ground truth is {gt_map.shape} but the prediction is {pred_map.shape}; "
            "resize the prediction with nearest neighbour first"
        )
    keep = slice(None) if ignore is None else ~pixels_of(ignore, "ignore", gt_map.shape).ravel()
    gt_present, gt_index = _compact(gt_map.ravel()[keep])
    pred_present, pred_index = _compact(pred_map.ravel()[keep])
    k = pred_present.size
    counts = np.bincount(gt_index * k + pred_index, minlength=gt_present.size * k)
    table = counts.reshape(gt_present.size, k)
    return Overlap(
        gt_labels=gt_present[1:],
        pred_labels=pred_present[1:],
        intersection=table[1:, 1:],
        gt_area=table[1:].sum(1),
        pred_area=table[:, 1:].sum(0),
    )


def pixels_of(mask: ArrayLike, what: str, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return a mask as (h, w) bool; raise :class:`DataError` that calls it ``what`` where it is
    not of the shape of the label maps."""
    array = np.asarray(mask, bool)
    if array.shape != shape:
        raise DataError(
            f"{what} is {array.shape}, the label maps are {shape}; pass one of their size"
        )
    return array


def ignored_pixels(whole: Overlap, kept: Overlap) -> NDArray[np.int64]:
    """Return (p,) pixels of each predicted entity of ``whole`` that ``kept``, the overlap of the
    same maps with some pixels ignored, leaves out."""
    pixels = whole.pred_area.copy()
    pixels[np.searchsorted(whole.pred_labels, kept.pred_labels)] -= kept.pred_area
    return pixels


def match(
    gt: ArrayLike,
    pred: ArrayLike,
    ignore: ArrayLike | None = None,
    *,
    gt_ids: Sequence[int] | None = None,
    pred_ids: Sequence[int] | None = None,
    allowed: NDArray[np.bool_] | None = None,
    both: Overlap | None = None,
) -> Matches:
    """Match entities one to one so that the summed IoU is greatest (Hungarian algorithm).

    ``gt_ids`` and ``pred_ids`` name the entities that were meant to be in the maps; those
    without a pixel are dropped and counted. ``allowed`` (g, p) bool, over the labels present in
    ascending order, forbids pairs (for class-aware matching). ``both`` is the overlap of the two
    maps where it is known. Pairs of IoU 0 stay unmatched.
    """
    both = both or overlap(gt, pred, ignore)
    return match_overlap(both, gt_ids=gt_ids, pred_ids=pred_ids, allowed=allowed)


def match_overlap(
    both: Overlap,
    *,
    gt_ids: Sequence[int] | None = None,
    pred_ids: Sequence[int] | None = None,
    allowed: NDArray[np.bool_] | None = None,
) -> Matches:
    """Match as :func:`match` does, from areas and intersections that are known."""
    iou = both.iou
    if allowed is not None:
        if np.shape(allowed) != iou.shape:
            raise DataError(f"allowed is {np.shape(allowed)}, the entities are {iou.shape}")
        iou = np.where(allowed, iou, 0.0)
    rows, columns = linear_sum_assignment(iou, maximize=True)
    hit = iou[rows, columns] > 0
    rows, columns = rows[hit], columns[hit]
    partner = np.zeros(both.gt_labels.size, np.int64)
    value = np.zeros(both.gt_labels.size, np.float64)
    covered = np.zeros(both.gt_labels.size, np.int64)
    partner[rows] = both.pred_labels[columns]
    value[rows] = iou[rows, columns]
    covered[rows] = both.intersection[rows, columns]
    return Matches(
        gt_labels=both.gt_labels,
        pred_labels=partner,
        iou=value,
        covered=covered,
        gt_area=both.gt_area,
        n_pred=int(both.pred_labels.size),
        empty_gt=_without_pixels(gt_ids, both.gt_labels),
        empty_pred=_without_pixels(pred_ids, both.pred_labels),
    )


def _without_pixels(ids: Sequence[int] | None, present: NDArray[np.int64]) -> int:
    return 0 if ids is None else len(set(map(int, ids)) - set(present.tolist()))


def components(mask: ArrayLike) -> NDArray[np.int32]:
    """Return (h, w) int32 label map, from 1, of the 8-connected components of a (h, w) bool
    mask."""
    labels, _ = connected_components(np.asarray(mask, bool), structure=np.ones((3, 3), int))
    return labels.astype(np.int32)
