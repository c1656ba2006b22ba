"""Mask metrics of one task: mIoU, recall, AP, PQ, and metrics of absent names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torchmetrics import MetricCollection

from unigs.evaluation.metric_values import MetricValue
from unigs.metrics.bootstrap.draws import Interval
from unigs.metrics.bootstrap.per_image import Parts, PerImage
from unigs.metrics.entity_metrics import (
    MATCHES,
    AveragePrecisionMetric,
    PanopticMetric,
    SegmentationMetric,
    columns_of,
    matches_of,
)
from unigs.metrics.image_table import ImageTable, Row
from unigs.metrics.matching import Overlap, ignored_pixels, match, overlap
from unigs.metrics.segmentation import segmentation_parts, segmentation_scores
from unigs.samples.sample import Sample
from unigs.tasks import Task

#: What is reported of the masks of every task, in this order.
REPORTED = (
    *("miou", "miou_image", "recall_50", "ar", "pixel_recall"),
    *("n_entities", "n_predicted", "n_images", "n_empty_gt", "n_empty_pred"),
    *("ap_e", "ap_e_50", "ap_e_75", "ap_e_constant"),
    *("pq", "sq", "rq"),
)
_NOTHING = (0.0, 0.0)
VOID_IGNORED = ("miou_void_ignored", "recall_50_void_ignored", "ap_e_void_ignored")
ABSENT_NAMES = (
    *("absent.n_images", "absent.miou", "absent.extra_entities"),
    *("present.extra_entities", "absent.quiet"),
)


class VoidIgnoredMetric(ImageTable):
    """mIoU and recall with the unlabelled pixels ignored."""

    def __init__(self) -> None:
        super().__init__(**MATCHES)

    def update(
        self,
        key: str,
        gt: ArrayLike,
        pred: ArrayLike,
        void: ArrayLike,
        labelled: Overlap | None = None,
    ) -> None:
        """Add image ``key``: (h, w) label maps, (h, w) bool of the unlabelled pixels, and the
        overlap without them, where it is known."""
        self.add_image(key, **columns_of(match(gt, pred, void, both=labelled)))

    def compute(self) -> dict[str, float]:
        """``miou_void_ignored`` and ``recall_50_void_ignored``."""
        scores = segmentation_scores(map(matches_of, self.image_rows().values()))
        return {f"{name}_void_ignored": scores[name] for name in ("miou", "recall_50")}

    def image_parts(self, row: Row) -> Parts:
        """Return the image's share of both."""
        parts = segmentation_parts(matches_of(row))
        return {f"{name}_void_ignored": parts[name] for name in ("miou", "recall_50")}


class AbsentNamesMetric(ImageTable):
    """Metrics of names in the prompt that are absent from the image.

    ``absent.*`` are over the images with such a name: ``absent.miou`` of the entities that are
    there, ``absent.extra_entities`` predicted beyond the true number per image
    (``present.extra_entities``: in the other images). ``absent.quiet`` is the share of the images
    without any true entity, with such a name or not, and without a predicted one.
    """

    def __init__(self) -> None:
        super().__init__(**MATCHES, absent=torch.uint8, quiet=torch.uint8)

    def update(
        self,
        key: str,
        gt: ArrayLike,
        pred: ArrayLike,
        absent: bool,
        gt_ids: Sequence[int],
        both: Overlap | None = None,
    ) -> None:
        """Add image ``key``: (h, w) label maps, whether a name of its prompt is absent, its true
        entities, and the overlap of the maps, where it is known."""
        quiet = [] if gt_ids else [not np.any(pred)]
        columns = columns_of(match(gt, pred, both=both))
        self.add_image(key, **columns, absent=absent, quiet=quiet)

    def compute(self) -> dict[str, float]:
        """Compute the five scores; NaN over no image."""
        rows = self.image_rows()
        absent, present = (
            segmentation_scores(
                matches_of(row) for row in rows.values() if row["absent"].item() == kind
            )
            for kind in (1, 0)
        )
        quiet = [value for row in rows.values() for value in row["quiet"].tolist()]
        return {
            "absent.n_images": absent["n_images"],
            "absent.miou": absent["miou"],
            "absent.extra_entities": _extra(absent),
            "present.extra_entities": _extra(present),
            "absent.quiet": float(np.mean(quiet)) if quiet else float("nan"),
        }

    def image_parts(self, row: Row) -> Parts:
        """Return the image's share of all but the count."""
        matches, absent = matches_of(row), bool(row["absent"].item())
        extra = float(matches.n_pred - matches.iou.size)
        quiet = row["quiet"]
        return {
            "absent.miou": segmentation_parts(matches)["miou"] if absent else _NOTHING,
            "absent.extra_entities": (extra, 1.0) if absent else _NOTHING,
            "present.extra_entities": _NOTHING if absent else (extra, 1.0),
            "absent.quiet": (float(quiet.sum()), float(quiet.size)),
        }


def _extra(scores: Mapping[str, float]) -> float:
    """Predicted entities beyond the true number, an image."""
    if not scores["n_images"]:
        return float("nan")
    return (scores["n_predicted"] - scores["n_entities"]) / scores["n_images"]


class MaskScores:
    """Predicted entities against the target's, class-agnostic, matched one to one.

    Where every pixel is an entity's, values with the unlabelled pixels ignored are added to
    the plain ones; where entities are found by name, those of :class:`AbsentNamesMetric`.
    """

    def __init__(self, task: Task) -> None:
        metrics: list[ImageTable] = [
            SegmentationMetric(),
            AveragePrecisionMetric(),
            PanopticMetric(),
        ]
        self.reported: tuple[str, ...] = REPORTED
        if not task.background:
            metrics.append(VoidIgnoredMetric())
            self.reported += VOID_IGNORED
        if task.takes_names and not task.new_image:
            metrics.append(AbsentNamesMetric())
            self.reported += ABSENT_NAMES
        self._tables = metrics
        # Metrics whose first states are equal would be taken for one and the same.
        self.metrics = MetricCollection(metrics, compute_groups=False)

    def update(
        self, sample: Sample, pred: NDArray[np.int32], confidence: Mapping[int, float]
    ) -> None:
        """Add one prediction: (h, w) labels, 0 = nothing, and the confidence of each label."""
        void = ~sample.valid
        # Counted once for all metrics.
        both = labelled = overlap(sample.segments, pred)
        on_void = np.zeros(len(both.pred_labels), np.int64)
        if void.any():
            labelled = overlap(sample.segments, pred, void)
            on_void = ignored_pixels(both, labelled)
        self.metrics.update(
            key=sample.key,
            gt=sample.segments,
            pred=pred,
            scores=confidence,
            void=void,
            both=both,
            labelled=labelled,
            on_void=on_void,
            gt_ids=[entity.id for entity in sample.entities],
            pred_ids=sorted(confidence),
            absent=bool(sample.absent),
        )

    def compute(self, intervals: bool = True) -> list[MetricValue]:
        """Compute all values, and the intervals of those that are no counts."""
        found = self.metrics.compute()
        known: dict[str, Interval] = {}
        for metric in self._tables if intervals else ():
            known |= metric.intervals()
        return [MetricValue.measured(name, found[name], known.get(name)) for name in self.reported]

    def per_image(self) -> PerImage:
        """Return what each image contributes, after :meth:`compute`."""
        joined = PerImage((), {})
        for metric in self._tables:
            joined |= metric.per_image()
        return joined
