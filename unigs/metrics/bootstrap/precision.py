"""AP of masks over bootstrap draws of the images, from one evaluation of COCOeval.

COCOeval matches image by image, so a draw changes only how often each image's masks count. The
precision and recall of a draw are weighted cumulative sums over one ranking; an image that is drawn
twice gives the AP of a data set that has it twice (but for the order of equal scores in an image).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unigs.metrics.bootstrap.draws import Weights, class_mean, in_parts
from unigs.metrics.coco.ranked_precision import Piece, Totals, ranked_precision
from unigs.metrics.overlap_evaluation import Matched, iou_thresholds, recall_levels


@dataclass(frozen=True, slots=True, eq=False)
class ClassMatches:
    """The matches of one class.

    Attributes:
        matched: the predictions of the images that have any, or a truth, of the class.
        images: (images of the class,) int64, their places among all images.
    """

    matched: Matched
    images: NDArray[np.int64]


def resampled_precision(matched: Matched, weights: Weights) -> dict[str, NDArray[np.float64]]:
    """Return (draws,) float64 each of ``ap``, ``ap_50``, ``ap_75`` and ``ar_100``; NaN in draws
    without a truth.

    Args:
        matched: the predictions of the images.
        weights: (draws, images), images in their order there (`draw_weights`).
    """
    every = ClassMatches(matched, np.arange(len(matched.truths)))
    return resampled_class_precision([every], weights)


def resampled_class_precision(
    classes: Iterable[ClassMatches], weights: Weights
) -> dict[str, NDArray[np.float64]]:
    """Return `resampled_precision`, the mean over classes: in each draw over those with a truth in
    it, as COCOeval leaves out classes without one.

    Args:
        weights: (draws, images) of all images.
    """
    thresholds = iou_thresholds()
    ranked = [(one.images, one.matched.ranking(), one.matched.totals()) for one in classes]
    precision, recall = ([np.zeros((0, len(thresholds)))] for _ in range(2))
    for part in in_parts(weights):
        found = [
            _drawn(part.take(images, axis=1), ranking, totals) for images, ranking, totals in ranked
        ]
        for parts, values in zip((precision, recall), zip(*found, strict=True), strict=True):
            parts.append(class_mean(np.stack(values)))
    ap, ar = np.concatenate(precision), np.concatenate(recall)
    return {
        "ap": ap.mean(1),
        "ap_50": ap[:, thresholds == 0.5].mean(1),
        "ap_75": ap[:, thresholds == 0.75].mean(1),
        "ar_100": ar.mean(1),
    }


def _drawn(
    weights: NDArray[np.float64], ranking: Sequence[Piece], totals: Totals
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (draws, thresholds) AP, and recall of all predictions; NaN where a draw has no
    truth."""
    best = ranked_precision(ranking, totals, weights, recall_levels())
    # one level after the other, so that the sum is the same for any number of draws
    summed = np.zeros(best.shape[:2])
    for level in reversed(range(best.shape[2])):
        summed += best[..., level]
    with np.errstate(invalid="ignore"):
        recall = (weights @ totals.hits) / (weights @ totals.truths)[:, None]
    return summed / best.shape[2], recall
