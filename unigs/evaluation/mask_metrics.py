"""Metrics of the masks of one task: mIoU and its kin, AP, PQ, and names that are not there."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from unigs.metrics.average_precision import AveragePrecisionMetric
from unigs.metrics.panoptic import PanopticMetric
from unigs.metrics.segmentation import SegmentationMetric
from unigs.samples.sample import Sample
from unigs.tasks import Task


class MaskScores:
    """Predicted entities against the target's, class-agnostic, matched one to one.

    For `entity`, figures with the unlabelled pixels ignored stand beside the plain ones. For
    `referring`, the samples with an absent name in the prompt are looked at apart: ``absent.miou``
    of the entities that are there, ``absent.extra_entities`` predicted beyond the true number a
    sample (``present.extra_entities``: in the other samples), and ``absent.quiet``, the share of
    the samples without any true entity that are answered with none.
    """

    def __init__(self, task: Task) -> None:
        self.task = task
        self.plain, self.void_ignored = SegmentationMetric(), SegmentationMetric()
        self.absent, self.present = SegmentationMetric(), SegmentationMetric()
        self.precision, self.panoptic = AveragePrecisionMetric(), PanopticMetric()
        self.quiet: dict[str, bool] = {}

    def update(
        self, sample: Sample, pred: NDArray[np.int32], confidence: Mapping[int, float]
    ) -> None:
        """Add one answer: (h, w) labels, 0 = nothing, and the confidence of each label."""
        gt = sample.segments
        ids = [entity.id for entity in sample.entities]
        void = ~sample.valid
        self.plain.update(sample.key, gt, pred, gt_ids=ids, pred_ids=sorted(confidence))
        if self.task.name == "entity":
            self.void_ignored.update(sample.key, gt, pred, void)
        self.panoptic.update(sample.key, gt, pred, void=void)
        self.precision.update(sample.key, gt, pred, confidence, void)
        if self.task.name == "referring":
            (self.absent if sample.absent else self.present).update(sample.key, gt, pred)
            if not ids:
                self.quiet[sample.key] = not pred.any()

    def compute(self) -> dict[str, float]:
        """Every figure over what was added."""
        result = self.plain.compute()
        precision, panoptic = self.precision.compute(), self.panoptic.compute()
        result |= {key: precision[key] for key in ("ap_e", "ap_e_50", "ap_e_75", "ap_e_constant")}
        result |= {key: panoptic[key] for key in ("pq", "sq", "rq")}
        if self.task.name == "entity":
            ignored = self.void_ignored.compute()
            result["miou_void_ignored"] = ignored["miou"]
            result["recall_50_void_ignored"] = ignored["recall_50"]
            result["ap_e_void_ignored"] = precision["ap_e_void_ignored"]
        if self.task.name == "referring":
            absent = self.absent.compute()
            result["absent.n_images"] = absent["n_images"]
            result["absent.miou"] = absent["miou"]
            result["absent.extra_entities"] = _extra(absent)
            result["present.extra_entities"] = _extra(self.present.compute())
            answers = list(self.quiet.values())
            result["absent.quiet"] = float(np.mean(answers)) if answers else float("nan")
        return result


def _extra(scores: dict[str, float]) -> float:
    """Predicted entities beyond the true number, a sample."""
    if not scores["n_images"]:
        return float("nan")
    return (scores["n_predicted"] - scores["n_entities"]) / scores["n_images"]
