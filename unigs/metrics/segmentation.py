"""Mean IoU and recall of entities after one-to-one matching."""

from __future__ import annotations

from array import array
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from unigs.metrics.bootstrap.per_image import Parts
from unigs.metrics.matching import Matches

__all__ = ["segmentation_scores"]

#: The ten IoU thresholds of COCO's average recall, 0.50 to 0.95.
AR_THRESHOLDS = np.linspace(0.5, 0.95, 10)


def segmentation_scores(images: Iterable[Matches]) -> dict[str, float]:
    """Return the scores over the matches of all images.

    Gives, all in [0, 1]: ``miou`` (mean over all ground-truth entities, unmatched ones count 0),
    ``miou_image`` (mean of the means of the images that have an entity), ``recall_50`` (share
    matched with IoU > 0.5), ``ar`` (mean recall over IoU 0.50:0.05:0.95), ``pixel_recall`` (share
    of entity pixels inside the matched mask), and the counts ``n_entities``, ``n_predicted``,
    ``n_images``, ``n_empty_gt``, ``n_empty_pred``. A score over no entity is NaN.
    """
    # one image at a time, since each may be made when it is asked for; of many small arrays each
    # would cost more than what is in it
    entities, means = array("d"), array("d")
    count, covered, pixels, predicted, empty_gt, empty_pred = 0, 0, 0, 0, 0, 0
    for m in images:
        count += 1
        entities.frombytes(m.iou.tobytes())
        if m.iou.size:
            means.append(float(m.iou.mean()))
        covered, pixels = covered + int(m.covered.sum()), pixels + int(m.gt_area.sum())
        predicted += m.n_pred
        empty_gt, empty_pred = empty_gt + m.empty_gt, empty_pred + m.empty_pred
    iou = np.asarray(entities)
    return {
        "miou": _mean(iou),
        "miou_image": _mean(np.asarray(means)),
        "recall_50": _mean(iou > 0.5),
        "ar": _mean_recall(iou),
        "pixel_recall": covered / pixels if pixels else float("nan"),
        "n_entities": float(iou.size),
        "n_predicted": float(predicted),
        "n_images": float(count),
        "n_empty_gt": float(empty_gt),
        "n_empty_pred": float(empty_pred),
    }


def segmentation_parts(matches: Matches) -> Parts:
    """Return what one image contributes to the scores that are ratios of sums."""
    iou, entities = matches.iou, float(matches.iou.size)
    return {
        "miou": (float(iou.sum()), entities),
        "miou_image": (float(iou.mean()), 1.0) if iou.size else (0.0, 0.0),
        "recall_50": (float((iou > 0.5).sum()), entities),
        "ar": (float((iou[:, None] >= AR_THRESHOLDS).mean(1).sum()), entities),
        "pixel_recall": (float(matches.covered.sum()), float(matches.gt_area.sum())),
    }


def _mean_recall(iou: NDArray[np.float64]) -> float:
    found = sum(int(np.count_nonzero(iou >= threshold)) for threshold in AR_THRESHOLDS)
    return found / (iou.size * len(AR_THRESHOLDS)) if iou.size else float("nan")


def _mean(values: NDArray) -> float:
    return float(np.mean(values)) if values.size else float("nan")
