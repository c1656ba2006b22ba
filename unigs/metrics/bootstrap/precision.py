"""AP of masks over bootstrap draws of the images, from one evaluation of COCOeval.

COCOeval matches image by image, so a draw changes only how often each image's masks count. The
precision and recall of a draw are weighted cumulative sums over one ranking; an image that is drawn
twice gives the AP of a data set that has it twice (but for the order of equal scores in an image).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unigs.io.kernels import kernel
from unigs.metrics.bootstrap.draws import in_parts
from unigs.metrics.overlap_evaluation import Matched, iou_thresholds, recall_levels


@dataclass(frozen=True, slots=True, eq=False)
class _Ranking:
    """The predictions of all images, best first: ``image`` (d,), and ``hit`` and ``miss`` (t, d)
    bool at each IoU threshold; ``truths`` (images,) that can be found."""

    image: NDArray[np.int64]
    hit: NDArray[np.bool_]
    miss: NDArray[np.bool_]
    truths: NDArray[np.float64]


def resampled_precision(matched: Matched, weights: NDArray[np.uint16]) -> dict[str, NDArray]:
    """Return (draws,) float64 each of ``ap``, ``ap_50`` and ``ap_75``.

    Args:
        matched: the predictions of the images.
        weights: (draws, images), images in their order there (`draw_weights`).
    """
    ranking = _ranking(matched)
    thresholds, levels = iou_thresholds(), recall_levels()
    drawn = [_ap(ranking, part, levels) for part in in_parts(weights)]
    values = np.concatenate([np.zeros((0, len(thresholds))), *drawn])
    return {
        "ap": values.mean(1),
        "ap_50": values[:, thresholds == 0.5].mean(1),
        "ap_75": values[:, thresholds == 0.75].mean(1),
    }


def _ranking(matched: Matched) -> _Ranking:
    order = np.argsort(-matched.scores, kind="mergesort")
    counted = ~matched.ignored[:, order]
    hit = matched.hit[:, order]
    return _Ranking(
        matched.owner[order], hit & counted, ~hit & counted, matched.truths.astype(np.float64)
    )


def _ap(
    ranking: _Ranking, weights: NDArray[np.float64], levels: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return (draws, thresholds): the mean over recall levels of the best precision from there on;
    NaN in draws without a truth."""
    result = np.full((len(weights), len(ranking.hit)), np.nan)
    counted = ranking.hit | ranking.miss
    recall, precision = np.zeros((2, len(ranking.image)))
    _average(
        weights, ranking.image, ranking.hit, counted, ranking.truths, levels,
        recall, precision, result,
    )  # fmt: skip
    return result


@kernel
def _average(weights, image, hit, counted, truths, levels, recall, precision, result):
    for draw in range(weights.shape[0]):
        total = 0.0
        for i in range(truths.shape[0]):
            total += weights[draw, i] * truths[i]
        if total == 0.0:
            continue
        for threshold in range(hit.shape[0]):
            # Between two hits precision falls, so that the best is at a hit.
            hits, seen, count = 0.0, 0.0, 0
            for i in range(image.shape[0]):
                weight = weights[draw, image[i]]
                if weight > 0.0 and counted[threshold, i]:
                    seen += weight
                    if hit[threshold, i]:
                        hits += weight
                        recall[count] = hits / total
                        precision[count] = hits / seen
                        count += 1
            summed, best = 0.0, 0.0
            for level in range(levels.shape[0] - 1, -1, -1):
                while count > 0 and recall[count - 1] >= levels[level]:
                    count -= 1
                    best = max(best, precision[count])
                summed += best
            result[draw, threshold] = summed / levels.shape[0]
