"""Panoptic quality (Kirillov et al. 2019), class-aware or class-agnostic.

The counting rules are panopticapi's: unlabelled pixels leave the union; a predicted segment that
lies mainly on unlabelled or crowd pixels is no false positive; crowd segments are never missed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from unigs.metrics.matching import Overlap, overlap, pixels_of

#: Summed IoU, true positives, false positives and false negatives of each class of one image.
Tally = dict[int, tuple[float, int, int, int]]


def count_segments(
    gt: ArrayLike,
    pred: ArrayLike,
    gt_classes: Mapping[int, int] | None = None,
    pred_classes: Mapping[int, int] | None = None,
    crowd: Mapping[int, int] | None = None,
    void: ArrayLike | None = None,
    *,
    both: Overlap | None = None,
    on_void: NDArray[np.int64] | None = None,
) -> Tally:
    """Count the segments of one image that were found, missed and invented.

    ``gt`` and ``pred`` are (h, w) label maps, 0 = nothing. ``gt_classes`` and ``pred_classes``
    map labels to classes; without them every segment is of one class. ``crowd`` maps the
    labels of ``gt`` that are crowd regions to their class. ``void`` (h, w) bool marks the
    unlabelled pixels; by default all where ``gt`` is 0, as in COCO. Pass zeros where 0 means
    that there is truly nothing to find. Where they are known, ``both`` is the overlap of the two
    maps and ``on_void`` (p,) the unlabelled pixels of each predicted segment.
    """
    crowd = dict(crowd or {})
    both = both or overlap(gt, pred)
    gt_labels, pred_labels = both.gt_labels.tolist(), both.pred_labels.tolist()
    gt_class = np.array([crowd.get(i, (gt_classes or {}).get(i, 1)) for i in gt_labels], int)
    pred_class = np.array([(pred_classes or {}).get(i, 1) for i in pred_labels], int)
    is_crowd = np.isin(both.gt_labels, list(crowd))
    unlabelled = both.pred_area - both.intersection.sum(0)
    if on_void is not None:
        unlabelled = on_void
    elif void is not None:
        void = pixels_of(void, "void", np.shape(pred))
        unlabelled = overlap(void, pred).intersection.sum(0)
    union = both.gt_area[:, None] + both.pred_area[None] - both.intersection
    union -= unlabelled[None]
    iou = both.intersection / np.maximum(union, 1)
    same = gt_class[:, None] == pred_class[None]
    hit = (iou > 0.5) & same & ~is_crowd[:, None]
    forgiven = unlabelled + _crowd_pixels(both.intersection, gt_class, is_crowd, pred_class)
    excused = forgiven / np.maximum(both.pred_area, 1) > 0.5
    tally: Tally = {}
    for name in np.union1d(gt_class[~is_crowd], pred_class).tolist():
        matched = hit & (gt_class == name)[:, None]
        missed = (gt_class == name) & ~is_crowd & ~hit.any(1)
        extra = (pred_class == name) & ~hit.any(0) & ~excused
        counts = (int(matched.sum()), int(extra.sum()), int(missed.sum()))
        if any(counts):
            tally[name] = (float(iou[matched].sum()), *counts)
    return tally


def per_class(images: Iterable[Tally]) -> dict[int, dict[str, float]]:
    """``pq``, ``sq``, ``rq``, ``tp``, ``fp``, ``fn`` of every class that occurs."""
    totals: dict[int, NDArray[np.float64]] = {}
    for tally in images:
        for name, counts in tally.items():
            totals[name] = totals.get(name, np.zeros(4)) + np.array(counts)
    return {name: _quality(*totals[name].tolist()) for name in sorted(totals)}


def average(classes: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Means of ``pq``, ``sq`` and ``rq`` over classes (NaN without one), sums of the counts
    ``tp``, ``fp`` and ``fn``, and ``n_classes``."""
    entries = list(classes)
    result: dict[str, float] = {}
    for name in ("pq", "sq", "rq"):
        values = [entry[name] for entry in entries]
        result[name] = float(np.mean(values)) if values else float("nan")
    for name in ("tp", "fp", "fn"):
        result[name] = float(sum(entry[name] for entry in entries))
    return result | {"n_classes": float(len(entries))}


def _crowd_pixels(
    intersection: NDArray[np.int64],
    gt_class: NDArray[np.int64],
    is_crowd: NDArray[np.bool_],
    pred_class: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Return (p,) pixels of each predicted segment on the crowd region of its class.

    As panopticapi, this considers one crowd region per class and image, the last one listed;
    otherwise the values would not be comparable.
    """
    pixels = np.zeros(pred_class.size, np.int64)
    for row in np.flatnonzero(is_crowd):
        ours = pred_class == gt_class[row]
        pixels[ours] = intersection[row, ours]
    return pixels


def _quality(iou: float, tp: float, fp: float, fn: float) -> dict[str, float]:
    evaluated = tp + (fp + fn) / 2
    return {
        "pq": iou / evaluated,
        "sq": iou / tp if tp else 0.0,
        "rq": tp / evaluated,
        "tp": tp,
        "fp": fp,
        "fn": fn,
    }
