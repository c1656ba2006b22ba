"""The metrics of label maps as torchmetrics: one process or several, the same bits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from unigs.metrics.entity_precision import EntityMasks, entity_precision
from unigs.metrics.image_table import ImageTable, Row
from unigs.metrics.matching import Matches, match
from unigs.metrics.panoptic_quality import average, count_segments, per_class
from unigs.metrics.segmentation import segmentation_scores

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
    ) -> None:
        """Add image ``key`` (a second time replaces it); arguments as in
        :func:`unigs.metrics.matching.match`."""
        found = match(gt, pred, gt_ids=gt_ids, pred_ids=pred_ids, allowed=allowed)
        self.add_image(key, **columns_of(found))

    def compute(self) -> dict[str, float]:
        """Return the scores over all images of all processes."""
        return segmentation_scores(map(matches_of, self.image_rows().values()))


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
    The gathered state is run lengths, not pixels.
    """

    higher_is_better = True

    def __init__(self, orders: int = 20, seed: int = 0) -> None:
        super().__init__(
            runs=torch.uint8,
            lengths=torch.int64,
            scores=torch.float64,
            layout=torch.int64,
        )
        self.orders, self.seed = orders, seed

    def update(
        self,
        key: str,
        gt: ArrayLike,
        pred: ArrayLike,
        scores: Mapping[int, float],
        void: ArrayLike | None = None,
    ) -> None:
        """Add image ``key`` (a second time replaces it); arguments as in
        :meth:`~unigs.metrics.entity_precision.EntityMasks.of`."""
        masks = EntityMasks.of(key, gt, pred, scores, void)
        every = (*masks.truth, *masks.found, *([] if masks.void is None else [masks.void]))
        self.add_image(
            key,
            runs=np.frombuffer(b"".join(every), np.uint8),
            lengths=[len(runs) for runs in every],
            scores=masks.scores,
            layout=(*masks.size, len(masks.truth)),
        )

    def compute(self) -> dict[str, float]:
        """Return the scores over all images of all processes."""
        images = {key: _masks(row) for key, row in self.image_rows().items()}
        return entity_precision(images, self.orders, self.seed)


def _masks(row: Row) -> EntityMasks:
    height, width, truth = row["layout"].tolist()
    whole = row["runs"].tobytes()
    ends = np.cumsum(row["lengths"]).tolist()
    every = tuple(whole[start:end] for start, end in zip([0, *ends], ends, strict=False))
    found = truth + len(row["scores"])
    void = every[found] if len(every) > found else None
    scores = tuple(row["scores"].tolist())
    return EntityMasks((height, width), every[:truth], every[truth:found], scores, void)


class PanopticMetric(ImageTable):
    """Class-agnostic PQ = SQ * RQ.

    ``compute()`` gives ``pq``, ``sq``, ``rq`` in [0, 1] (NaN when nothing was counted), the totals
    ``tp``, ``fp``, ``fn`` and ``n_classes``, 1 or 0.
    """

    higher_is_better = True

    def __init__(self) -> None:
        super().__init__(tally=torch.float64)

    def update(
        self, key: str, gt: ArrayLike, pred: ArrayLike, void: ArrayLike | None = None
    ) -> None:
        """Add image ``key`` (a second time replaces it); arguments as in
        :func:`~unigs.metrics.panoptic_quality.count_segments`."""
        tally = count_segments(gt, pred, void=void)
        self.add_image(key, tally=[value for counts in tally.values() for value in counts])

    def compute(self) -> dict[str, float]:
        """Return the quality over the images of all processes."""
        tallies = (row["tally"].tolist() for row in self.image_rows().values())
        return average(per_class({1: tuple(tally)} for tally in tallies if tally).values())
