"""Panoptic quality (Kirillov et al. 2019), class-aware or class-agnostic.

The counting rules are panopticapi's: unlabelled pixels leave the union; a predicted segment that
lies mainly on unlabelled or crowd pixels is no false positive; crowd segments are never missed.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from unigs.errors import DataError
from unigs.metrics.coco.panoptic_files import PanopticFile
from unigs.metrics.matching import overlap

_Tally = dict[int, tuple[float, int, int, int]]


class PanopticMetric:
    """PQ = SQ * RQ, averaged over the classes that occur; with one class, class-agnostic PQ.

    ``compute()`` gives ``pq``, ``sq``, ``rq`` in [0, 1] (NaN when nothing was evaluated), the
    totals ``tp``, ``fp``, ``fn`` and ``n_classes``.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget every image."""
        self._images: dict[str, _Tally] = {}

    def update(
        self,
        key: str,
        gt: ArrayLike,
        pred: ArrayLike,
        gt_classes: Mapping[int, int] | None = None,
        pred_classes: Mapping[int, int] | None = None,
        crowd: Mapping[int, int] | None = None,
        void: ArrayLike | None = None,
    ) -> None:
        """Add image ``key`` (a second time replaces it).

        ``gt`` and ``pred`` are (h, w) label maps, 0 = nothing. ``gt_classes`` and ``pred_classes``
        map labels to classes; without them every segment is of one class. ``crowd`` maps the
        labels of ``gt`` that are crowd regions to their class. ``void`` (h, w) bool marks the
        unlabelled pixels; by default all where ``gt`` is 0, as in COCO. Pass zeros where 0 means
        that there is truly nothing to find.
        """
        crowd = dict(crowd or {})
        both = overlap(gt, pred)
        gt_labels, pred_labels = both.gt_labels.tolist(), both.pred_labels.tolist()
        gt_class = np.array([crowd.get(i, (gt_classes or {}).get(i, 1)) for i in gt_labels], int)
        pred_class = np.array([(pred_classes or {}).get(i, 1) for i in pred_labels], int)
        is_crowd = np.isin(both.gt_labels, list(crowd))
        unlabelled = both.pred_area - both.intersection.sum(0)
        if void is not None:
            unlabelled = overlap(np.asarray(void, bool), pred).intersection.sum(0)
        union = both.gt_area[:, None] + both.pred_area[None] - both.intersection
        union -= unlabelled[None]
        iou = both.intersection / np.maximum(union, 1)
        same = gt_class[:, None] == pred_class[None]
        hit = (iou > 0.5) & same & ~is_crowd[:, None]
        forgiven = unlabelled + _crowd_pixels(both.intersection, gt_class, is_crowd, pred_class)
        excused = forgiven / np.maximum(both.pred_area, 1) > 0.5
        tally: _Tally = {}
        for name in np.union1d(gt_class[~is_crowd], pred_class).tolist():
            matched = hit & (gt_class == name)[:, None]
            missed = (gt_class == name) & ~is_crowd & ~hit.any(1)
            extra = (pred_class == name) & ~hit.any(0) & ~excused
            counts = (int(matched.sum()), int(extra.sum()), int(missed.sum()))
            if any(counts):
                tally[name] = (float(iou[matched].sum()), *counts)
        self._images[key] = tally

    def merge(self, other: PanopticMetric) -> None:
        """Take over another process's images."""
        self._images.update(other._images)

    def per_class(self) -> dict[int, dict[str, float]]:
        """``pq``, ``sq``, ``rq``, ``tp``, ``fp``, ``fn`` of every class that occurs."""
        totals: dict[int, NDArray[np.float64]] = {}
        for key in sorted(self._images):
            for name, counts in self._images[key].items():
                totals[name] = totals.get(name, np.zeros(4)) + np.array(counts)
        return {name: _quality(*totals[name].tolist()) for name in sorted(totals)}

    def compute(self) -> dict[str, float]:
        """Averages over the classes that occur."""
        return _average(list(self.per_class().values()))


def _crowd_pixels(
    intersection: NDArray[np.int64],
    gt_class: NDArray[np.int64],
    is_crowd: NDArray[np.bool_],
    pred_class: NDArray[np.int64],
) -> NDArray[np.int64]:
    """(p,) pixels of each predicted segment on the crowd region of its class.

    panopticapi remembers one crowd region a class and image, the last one listed; so do we, or the
    figures would not compare.
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


def _average(classes: list[dict[str, float]]) -> dict[str, float]:
    result: dict[str, float] = {}
    for name in ("pq", "sq", "rq"):
        values = [entry[name] for entry in classes]
        result[name] = float(np.mean(values)) if values else float("nan")
    for name in ("tp", "fp", "fn"):
        result[name] = float(sum(entry[name] for entry in classes))
    return result | {"n_classes": float(len(classes))}


def panoptic_scores(
    gt_json: Path,
    gt_dir: Path,
    pred_json: Path,
    pred_dir: Path,
    *,
    class_agnostic: bool = False,
) -> dict[str, float]:
    """PQ of a prediction in COCO panoptic format against ground truth in the same format.

    Returns ``PanopticMetric.compute()`` and, class-aware, ``pq_things`` and ``pq_stuff``. Raises
    :class:`DataError` on a missing image, a size that differs, a PNG and JSON that disagree, and
    any record that is not in the format (`unigs.metrics.coco.panoptic_files`).
    """
    truth = PanopticFile(gt_json, gt_dir)
    categories = None if class_agnostic else truth.categories()
    answer = PanopticFile(pred_json, pred_dir)
    truth.check_images(answer)
    metric = PanopticMetric()
    for image in truth.images:
        gt, pred = truth.segments(image), answer.segments(image)
        if gt.shape != pred.shape:
            raise DataError(
                f"image {image} is {pred.shape[0]}x{pred.shape[1]},"
                f" its truth {gt.shape[0]}x{gt.shape[1]}",
                file=pred_dir,
                hint="write the PNG at the size of the truth",
            )
        classes, crowd = truth.classes(image, categories)
        pred_classes, _ = answer.classes(image, categories)
        metric.update(str(image), gt, pred, classes, pred_classes, crowd)
    result = metric.compute()
    if categories is not None:
        per_class = metric.per_class()
        for name, wanted in (("pq_things", True), ("pq_stuff", False)):
            entries = [v for k, v in per_class.items() if categories.is_thing[k] is wanted]
            result[name] = _average(entries)["pq"]
    return result
