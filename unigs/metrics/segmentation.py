"""Mean IoU and recall of entities after one-to-one matching."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from unigs.metrics.matching import Matches, match

#: The ten IoU thresholds of COCO's average recall, 0.50 to 0.95.
AR_THRESHOLDS = np.linspace(0.5, 0.95, 10)


class SegmentationMetric:
    """Scores of predicted label maps; keyed by image, so processes merge without counting twice.

    ``compute()`` gives, all in [0, 1]: ``miou`` (mean over all ground-truth entities, unmatched
    ones count 0), ``miou_image`` (mean of the means of the images that have an entity),
    ``recall_50`` (share matched with IoU > 0.5), ``ar`` (mean recall over IoU 0.50:0.05:0.95),
    ``pixel_recall`` (share of entity pixels inside the matched mask), and the counts
    ``n_entities``, ``n_predicted``, ``n_images``, ``n_empty_gt``, ``n_empty_pred``. A score over
    no entity is NaN: there is nothing it could mean.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget every image. ``images`` holds the matches of each image, by its key."""
        self.images: dict[str, Matches] = {}

    def update(
        self,
        key: str,
        gt: ArrayLike,
        pred: ArrayLike,
        ignore: ArrayLike | None = None,
        *,
        gt_ids: Sequence[int] | None = None,
        pred_ids: Sequence[int] | None = None,
        allowed: NDArray[np.bool_] | None = None,
    ) -> Matches:
        """Add image ``key``; arguments as in :func:`unigs.metrics.matching.match`.

        An image given twice (padding of a distributed sampler) replaces itself.
        """
        matches = match(gt, pred, ignore, gt_ids=gt_ids, pred_ids=pred_ids, allowed=allowed)
        self.images[key] = matches
        return matches

    def merge(self, other: SegmentationMetric) -> None:
        """Take over another process's images."""
        self.images.update(other.images)

    def compute(self) -> dict[str, float]:
        """Scores over all images, in the order of their keys, hence the same bits for any split."""
        images = [self.images[key] for key in sorted(self.images)]
        nothing = np.zeros(0)
        iou = np.concatenate([nothing, *(m.iou for m in images)])
        covered = sum(int(m.covered.sum()) for m in images)
        pixels = sum(int(m.gt_area.sum()) for m in images)
        per_image = np.array([m.iou.mean() for m in images if m.iou.size])
        return {
            "miou": _mean(iou),
            "miou_image": _mean(per_image),
            "recall_50": _mean(iou > 0.5),
            "ar": _mean(iou[:, None] >= AR_THRESHOLDS),
            "pixel_recall": covered / pixels if pixels else float("nan"),
            "n_entities": float(iou.size),
            "n_predicted": float(sum(m.n_pred for m in images)),
            "n_images": float(len(images)),
            "n_empty_gt": float(sum(m.empty_gt for m in images)),
            "n_empty_pred": float(sum(m.empty_pred for m in images)),
        }


def _mean(values: NDArray) -> float:
    return float(np.mean(values)) if values.size else float("nan")
