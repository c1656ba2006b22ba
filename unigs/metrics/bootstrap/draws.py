"""Bootstrap intervals over images (B. Efron and R. Tibshirani, "An Introduction to the Bootstrap",
1993, chapters 13 and 14).

The image is the unit of resampling, since the entities of an image share its difficulty. A draw is
a row of weights: how often each image was drawn. Metrics that are ratios of sums over images then
cost one product of matrices for all draws.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: Draws of an interval: the ends then stay within about a tenth of its width from draw to draw.
DRAWS = 1000
LEVEL = 0.95
# Draws that are taken at once: 64 rows of 100,000 images are 50 MB in float64.
_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class Interval:
    """The central 95 % of a metric over draws; NaN where no draw has a value."""

    low: float
    high: float

    def moved(self, by: float) -> Interval:
        """Return the interval of a value that differs by a constant."""
        return Interval(self.low + by, self.high + by)


NO_INTERVAL = Interval(math.nan, math.nan)


def draw_weights(images: int, draws: int = DRAWS, seed: int = 0) -> NDArray[np.uint16]:
    """Return (draws, images) uint16: how often each image is in each draw of as many images.

    The same for the same arguments: two models on the same images share their draws.
    """
    rng = np.random.default_rng(seed)
    weights = np.zeros((draws, images), np.uint16)
    for row in weights:
        row += np.bincount(rng.integers(images, size=images), minlength=images).astype(np.uint16)
    return weights


def in_parts(weights: NDArray[np.uint16]) -> Iterator[NDArray[np.float64]]:
    """Yield the weights as float64, some draws at a time."""
    for start in range(0, len(weights), _AT_ONCE):
        yield weights[start : start + _AT_ONCE].astype(np.float64)


def resampled_ratio(parts: ArrayLike, weights: NDArray[np.uint16]) -> NDArray[np.float64]:
    """Return (draws,): the ratio of the sums of (images, 2) numerators and denominators.

    A draw whose denominators sum to 0 is NaN.
    """
    values = np.asarray(parts, np.float64)
    sums = np.concatenate([np.zeros((0, 2)), *(part @ values for part in in_parts(weights))])
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(sums[:, 1] != 0, sums[:, 0] / sums[:, 1], np.nan)


def resampled_sum(slopes: ArrayLike, weights: NDArray[np.uint16]) -> NDArray[np.float64]:
    """Return (draws,): by how much each draw differs from all images to first order.

    Args:
        slopes: (images,) derivatives of the metric by how often an image counts.
    """
    values = np.asarray(slopes, np.float64)
    return np.concatenate([np.zeros(0), *((part - 1) @ values for part in in_parts(weights))])


def interval(values: ArrayLike) -> Interval:
    """Return the percentile interval of a metric's values over draws; NaN draws do not count."""
    drawn = np.asarray(values, np.float64)
    drawn = drawn[np.isfinite(drawn)]
    if not drawn.size:
        return NO_INTERVAL
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(drawn, (tail, 1 - tail))
    return Interval(float(low), float(high))
