"""Kernel distances (squared maximum mean discrepancies) over bootstrap draws of the images."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from unigs.metrics.bootstrap.draws import Weights, in_parts, resampled_sum

Features = NDArray[np.float64]
#: (n, d) and (m, d) features -> (n, m) float64.
Kernel = Callable[[Features, Features], Features]

# A kernel matrix of so many images is 200 MB, its product with 1,000 draws some seconds.
MOST_KERNEL_IMAGES = 5000
_ROWS = 1024


def kernel_mean(kernel: Kernel, a: Features, b: Features) -> float:
    """Return the mean of the kernel over all pairs of a row of `a` and a row of `b`."""
    return float(sum(part.sum() for part in _blocks(kernel, a, b)) / (len(a) * len(b)))


def resampled_kernel_distance(
    real: Features,
    generated: Features,
    kernel: Kernel,
    value: float,
    weights: Weights,
    own_weights: Weights | None = None,
) -> NDArray[np.float64]:
    """Return (draws,) float64 squared MMD of (n, d) and (m, d) features, around `value`.

    Up to `MOST_KERNEL_IMAGES` a side each draw is exact. Pairs of an image with its own copy are
    left out, as pairs of an image with itself are. A real image and the one generated for it, which
    are alike, keep the share of pairs that they have among all images: in a draw that repeats them
    they would count twice on average. Larger sets are drawn to first order, which for so many
    images is as good unless the two sets are equal.

    Args:
        value: the distance of all images, whose estimator may be another (biased, or of subsets).
        weights: (draws, n) of the real images, and of the generated ones where both are pairs.
        own_weights: (draws, m) of the generated images, where they are a set of their own.
    """
    if max(len(real), len(generated)) > MOST_KERNEL_IMAGES:
        return value + _to_first_order(real, generated, kernel, weights, own_weights)
    draw = _Draw(real, generated, kernel, own_weights is None)
    drawn = _in_draws(draw, weights, weights if own_weights is None else own_weights)
    every = np.ones((1, len(real)), np.uint16), np.ones((1, len(generated)), np.uint16)
    return drawn + (value - _in_draws(draw, *every)[0])


class _Draw:
    """The kernel matrices, of which a draw weighs rows and columns."""

    def __init__(self, real: Features, generated: Features, kernel: Kernel, paired: bool) -> None:
        self.among = [kernel(side, side) for side in (real, generated)]
        for matrix in self.among:
            np.fill_diagonal(matrix, 0)
        self.between = kernel(real, generated)
        self.paired = paired
        if paired:
            self.own = self.between.diagonal().copy()
            np.fill_diagonal(self.between, 0)

    def __call__(self, left: Features, right: Features) -> NDArray[np.float64]:
        """Return the distance of each row of (draws, n) and (draws, m) weights."""
        same = [
            ((part @ matrix) * part).sum(1) / _different(part)
            for part, matrix in zip((left, right), self.among, strict=True)
        ]
        across = ((left @ self.between) * right).sum(1)
        count = left.shape[1]
        if self.paired:
            others = across / _different(left)
            across = (1 - 1 / count) * others + left @ self.own / count**2
        else:
            across = across / (count * right.shape[1])
        return same[0] + same[1] - 2 * across


def _different(part: Features) -> NDArray[np.float64]:
    """Return (draws,): pairs of different images. None in a draw of one image alone."""
    return np.maximum(part.shape[1] ** 2 - (part**2).sum(1), 1)


def _in_draws(draw: _Draw, weights: Weights, own: Weights) -> NDArray[np.float64]:
    both = zip(in_parts(weights), in_parts(own), strict=True)
    return np.concatenate([np.zeros(0), *(draw(left, right) for left, right in both)])


def _to_first_order(
    real: Features,
    generated: Features,
    kernel: Kernel,
    weights: Weights,
    own_weights: Weights | None,
) -> NDArray[np.float64]:
    """Return (draws,) differences to the distance of all images, from its derivative by the weight
    of each image."""
    slopes = []
    for side, other in ((real, generated), (generated, real)):
        count = len(side)
        itself = np.array([kernel(row, row)[0, 0] for row in side[:, None]])
        same = (_row_sums(kernel, side, side) - itself) / (count - 1)
        slopes.append(2 / count * (same - _row_sums(kernel, side, other) / len(other)))
    if own_weights is None:
        return resampled_sum(slopes[0] + slopes[1], weights)
    return resampled_sum(slopes[0], weights) + resampled_sum(slopes[1], own_weights)


def _row_sums(kernel: Kernel, a: Features, b: Features) -> NDArray[np.float64]:
    return np.concatenate([part.sum(1) for part in _blocks(kernel, a, b)])


def _blocks(kernel: Kernel, a: Features, b: Features) -> Iterator[Features]:
    """Yield the kernel matrix some rows at a time."""
    for start in range(0, len(a), _ROWS):
        yield kernel(a[start : start + _ROWS], b)
