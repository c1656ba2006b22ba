"""CMMD (S. Jayasumana et al., "Rethinking FID: Towards a Better Evaluation Metric for Image
Generation", CVPR 2024): maximum mean discrepancy of image embeddings, Gaussian kernel.

The published metric takes the embeddings of CLIP ViT-L/14 at 336 pixels; those of another network
give another metric, so the network's name belongs to the value's.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from unigs.metrics.bootstrap.draws import DRAWS, Interval, draw_weights, interval
from unigs.metrics.bootstrap.kernels import kernel_mean, resampled_kernel_distance
from unigs.metrics.feature_pairs import FeaturePairs, Features, sides, two_sets

__all__ = ["cmmd"]

#: Width of the kernel, and what the squared discrepancy is multiplied by, as published.
SIGMA, SCALE = 10.0, 1000.0


def cmmd(a: ArrayLike, b: ArrayLike) -> float:
    """1000 times the squared MMD of (n, d) and (m, d) embeddings, scaled to length 1; float64.

    As in the authors' code the means run over all pairs, those of an image with itself included.
    That adds ``1000 * (1 - mean kernel of two different images) / n`` for each side: at most 10/n
    (cosine 0 between images), so 0.04 a side at 256 images. Two sets of equal sizes carry the same
    bias.

    Raises:
        DataError: embeddings that are not finite or not (n, d), another d, fewer than two vectors.
    """
    left, right = (unit(side) for side in two_sets(a, b, "CMMD"))
    same = kernel_mean(gaussian, left, left) + kernel_mean(gaussian, right, right)
    return float(SCALE * (same - 2 * kernel_mean(gaussian, left, right)))


def cmmd_interval(
    a: ArrayLike, b: ArrayLike, value: float, paired: bool, draws: int = DRAWS, seed: int = 0
) -> Interval:
    """Return the bootstrap interval of `value`, the CMMD of (n, d) and (m, d) embeddings.

    Args:
        paired: row i of both sides belongs to one sample, and is drawn with it; else each side is
            a set of its own.
    """
    left, right = (unit(side) for side in two_sets(a, b, "CMMD"))
    weights = draw_weights(len(left), draws, seed)
    own = None if paired else draw_weights(len(right), draws, seed + 1)
    drawn = resampled_kernel_distance(left, right, gaussian, value / SCALE, weights, own)
    return interval(SCALE * drawn)


def gaussian(a: Features, b: Features) -> Features:
    """Return (n, m): ``exp(-|x - y|^2 / (2 sigma^2))``."""
    squares = [(side * side).sum(1) for side in (a, b)]
    return np.exp((2 * (a @ b.T) - squares[0][:, None] - squares[1][None]) / (2 * SIGMA**2))


def unit(features: Features) -> Features:
    """Scale the rows to length 1; a row of zeros stays."""
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    return features / np.where(lengths > 0, lengths, 1)


class CmmdMetric(FeaturePairs):
    """CMMD between real and generated images' embeddings, keyed by image.

    ``compute()`` gives ``cmmd``; the caller adds the name of the network.
    """

    def compute(self) -> dict[str, float]:
        """``{"cmmd": value}`` over the images of all processes; NaN with fewer than two."""
        rows = self.image_rows()
        return {"cmmd": cmmd(*sides(rows)) if len(rows) > 1 else float("nan")}

    def intervals(self, draws: int = DRAWS, seed: int = 0) -> dict[str, Interval]:
        """Return the bootstrap interval, after ``compute()``."""
        if len(self.gathered) < 2:
            return {}
        value = self.compute()["cmmd"]
        return {"cmmd": cmmd_interval(*sides(self.gathered), value, True, draws, seed)}
