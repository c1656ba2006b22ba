"""AP of masks over bootstrap draws of the images, from one evaluation of COCOeval.

COCOeval matches image by image, so a draw changes only how often each image's masks count. The
precision and recall of a draw are weighted cumulative sums over one ranking; an image that is drawn
twice gives the AP of a data set that has it twice (but for the order of equal scores in an image).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from unigs.metrics.bootstrap.draws import Weights, in_parts
from unigs.metrics.coco.ranked_precision import ranked_precision
from unigs.metrics.overlap_evaluation import Matched, iou_thresholds, recall_levels


def resampled_precision(matched: Matched, weights: Weights) -> dict[str, NDArray]:
    """Return (draws,) float64 each of ``ap``, ``ap_50`` and ``ap_75``; NaN in draws without a
    truth.

    Args:
        matched: the predictions of the images.
        weights: (draws, images), images in their order there (`draw_weights`).
    """
    ranking, totals = matched.ranking(), matched.totals()
    thresholds, levels = iou_thresholds(), recall_levels()
    drawn = [np.zeros((0, len(thresholds)))]
    for part in in_parts(weights):
        best = ranked_precision(ranking, totals, part, levels)
        # one level after the other, so that the sum is the same for any number of draws
        summed = np.zeros(best.shape[:2])
        for level in reversed(range(len(levels))):
            summed += best[..., level]
        drawn.append(summed / len(levels))
    values = np.concatenate(drawn)
    return {
        "ap": values.mean(1),
        "ap_50": values[:, thresholds == 0.5].mean(1),
        "ap_75": values[:, thresholds == 0.75].mean(1),
    }
