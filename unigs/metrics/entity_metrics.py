"""The metrics of label maps as torchmetrics: one process or several, the same bits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from unigs.metrics.bootstrap.draws import DRAWS, Interval
from unigs.metrics.bootstrap.per_image import Parts
from unigs.metrics.entity_precision import (
    EntityOverlaps,
    entity_precision,
    precision_intervals,
)
from unigs.metrics.image_table import ImageTable, Row
from unigs.metrics.matching import Matches, Overlap, match
from unigs.metrics.overlap_evaluation import LEAST_OVERLAP
from unigs.metrics.panoptic_quality import average, count_segments, per_class
from unigs.metrics.segmentation import segmentation_parts, segmentation_scores

__all__ = ["AveragePrecisionMetric", "PanopticMetric", "SegmentationMetric"]

#: The columns that store :class:`~unigs.metrics.matching.Matches`.
MATCHES = {
    "gt_labels": torch.int64,
    "pred_labels": torch.int64,
    "iou": torch.float64,
    "covered": torch.int64,
    "gt_area": torch.int64,
    "counts": torch.int64,
}


class SegmentationMetric(ImageTable):
    """Mean IoU and recall: ``compute()`` gives what ``segmentation_scores`` describes."""

    higher_is_better = True

    def __init__(self) -> None:
        super().__init__(**MATCHES)

    def update(
        self,
        key: str,
        gt: ArrayLike,
        pred: ArrayLike,
        *,
        gt_ids: Sequence[int] | None = None,
        pred_ids: Sequence[int] | None = None,
        allowed: NDArray[np.bool_] | None = None,
        both: Overlap | None = None,
    ) -> None:
        """Add image ``key`` (a second time replaces it); arguments as in
        :func:`unigs.metrics.matching.match`."""
        found = match(gt, pred, gt_ids=gt_ids, pred_ids=pred_ids, allowed=allowed, both=both)
        self.add_image(key, **columns_of(found))

    def compute(self) -> dict[str, float]:
        """Return the scores over all images of all processes."""
        return segmentation_scores(map(matches_of, self.image_rows().values()))

    def image_parts(self, row: Row) -> Parts:
        """Return the image's share of everything but the counts."""
        return segmentation_parts(matches_of(row))


def columns_of(matches: Matches) -> dict[str, ArrayLike]:
    """Return the matches of one image as columns of ``MATCHES``."""
    counts = (matches.n_pred, matches.empty_gt, matches.empty_pred)
    return {name: getattr(matches, name) for name in MATCHES if name != "counts"} | {
        "counts": np.array(counts)
    }


def matches_of(row: Row) -> Matches:
    """Return the matches of one image from its row."""
    n_pred, empty_gt, empty_pred = row["counts"].tolist()
    arrays = {name: row[name] for name in MATCHES if name != "counts"}
    return Matches(**arrays, n_pred=n_pred, empty_gt=empty_gt, empty_pred=empty_pred)


class AveragePrecisionMetric(ImageTable):
    """AP^e over label maps with a confidence for every predicted entity.

    ``compute()`` gives what :func:`~unigs.metrics.entity_precision.entity_precision` describes.
    The gathered state is the IoUs that can be a match, not pixels: at most two a prediction.
    """

    higher_is_better = True

    def __init__(self, orders: int = 20, seed: int = 0) -> None:
        super().__init__(
            pairs=torch.int64,
            iou=torch.float64,
            scores=torch.float64,
            on_void=torch.float64,
            empty=torch.int64,
            truths=torch.int64,
        )
        self.orders, self.seed = orders, seed

    def update(
        self,
        key: str,
        gt: ArrayLike,
        pred: ArrayLike,
        scores: Mapping[int, float],
        void: ArrayLike | None = None,
        both: Overlap | None = None,
        on_void: NDArray[np.int64] | None = None,
    ) -> None:
        """Add image ``key`` (a second time replaces it); arguments as in
        :meth:`~unigs.metrics.entity_precision.EntityOverlaps.of`."""
        found = EntityOverlaps.of(key, gt, pred, scores, void, both=both, on_void=on_void)
        pairs = np.flatnonzero(found.iou >= LEAST_OVERLAP)
        self.add_image(
            key,
            pairs=pairs,
            iou=found.iou.ravel()[pairs],
            scores=found.scores,
            on_void=[] if found.on_void is None else found.on_void,
            empty=found.empty,
            truths=found.iou.shape[1],
        )

    def compute(self) -> dict[str, float]:
        """Return the scores over all images of all processes."""
        return entity_precision(_Overlaps(self.image_rows()), self.orders, self.seed)

    def intervals(self, draws: int = DRAWS, seed: int = 0) -> dict[str, Interval]:
        """Return the intervals of ``ap_e``, ``ap_e_50``, ``ap_e_75`` and ``ap_e_void_ignored``."""
        return precision_intervals(_Overlaps(self.gathered), draws, seed)


class _Overlaps(Mapping[str, EntityOverlaps]):
    """The images of a table of rows, each made when it is asked for."""

    def __init__(self, rows: Mapping[str, Row]) -> None:
        self._rows = rows

    def __getitem__(self, key: str) -> EntityOverlaps:
        row = self._rows[key]
        scores, on_void = row["scores"], row["on_void"]
        iou = np.zeros((len(scores), row["truths"].item()))
        iou.ravel()[row["pairs"]] = row["iou"]
        void = on_void if len(on_void) else None
        return EntityOverlaps(iou, scores, void, row["empty"].item())

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


class PanopticMetric(ImageTable):
    """Class-agnostic PQ = SQ * RQ.

    ``compute()`` gives ``pq``, ``sq``, ``rq`` in [0, 1] (NaN when nothing was counted), the totals
    ``tp``, ``fp``, ``fn`` and ``n_classes``, 1 or 0.
    """

    higher_is_better = True

    def __init__(self) -> None:
        super().__init__(tally=torch.float64)

    def update(
        self,
        key: str,
        gt: ArrayLike,
        pred: ArrayLike,
        void: ArrayLike | None = None,
        both: Overlap | None = None,
        on_void: NDArray[np.int64] | None = None,
    ) -> None:
        """Add image ``key`` (a second time replaces it); arguments as in
        :func:`~unigs.metrics.panoptic_quality.count_segments`."""
        tally = count_segments(gt, pred, void=void, both=both, on_void=on_void)
        self.add_image(key, tally=[value for counts in tally.values() for value in counts])

    def compute(self) -> dict[str, float]:
        """Return the quality over the images of all processes."""
        tallies = (row["tally"].tolist() for row in self.image_rows().values())
        return average(per_class({1: tuple(tally)} for tally in tallies if tally).values())

    def image_parts(self, row: Row) -> Parts:
        """Return the image's share of the three qualities."""
        iou, hits, extra, missed = row["tally"].tolist() or (0.0, 0.0, 0.0, 0.0)
        counted = hits + (extra + missed) / 2
        return {"pq": (iou, counted), "sq": (iou, hits), "rq": (hits, counted)}
