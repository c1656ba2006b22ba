"""Bootstrap intervals over images (B. Efron and R. Tibshirani, "An Introduction to the Bootstrap",
1993, chapters 13 and 14).

The image is the unit of resampling, since the entities of an image share its difficulty. A draw is
a row of weights: how often each image was drawn. Metrics that are ratios of sums over images then
cost one product of matrices for all draws.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: Draws of an interval: the ends then stay within about a tenth of its width from draw to draw.
DRAWS = 1000
LEVEL = 0.95
#: Of as many images 93 of 100 intervals contain a mean, of 10 images 90, of 5 images 82.
FEW_IMAGES = 20
# Draws that are taken at once: as many as make 2.6 MB in float64, 64 at most.
_AT_ONCE, _MOST_WEIGHTS = 64, 64 * 5000


@dataclass(frozen=True, slots=True)
class Interval:
    """The central 95 % of a metric over draws; NaN where no draw has a value."""

    low: float
    high: float

    def moved(self, by: float) -> Interval:
        """Return the interval of a value that differs by a constant."""
        return Interval(self.low + by, self.high + by)


NO_INTERVAL = Interval(math.nan, math.nan)


@dataclass(frozen=True, slots=True)
class Draws:
    """(draws, images) weights that are drawn again whenever they are read: whole they are 2 kB an
    image."""

    draws: int
    images: int
    seed: int

    def __iter__(self) -> Iterator[NDArray[np.int64]]:
        """Yield the rows, (images,) each."""
        rng, images = np.random.default_rng(self.seed), self.images
        for _ in range(self.draws):
            yield np.bincount(rng.integers(images, size=images), minlength=images)


#: (draws, images): drawn, or any others.
Weights = Draws | NDArray[np.uint16]


def draw_weights(images: int, draws: int = DRAWS, seed: int = 0) -> Draws:
    """Return (draws, images) whole numbers: how often each image is in each draw of as many images.

    The same for the same arguments: two models on the same images share their draws.
    """
    return Draws(draws, images, seed)


def in_parts(weights: Weights) -> Iterator[NDArray[np.float64]]:
    """Yield the weights as (some, images) float64, some draws at a time."""
    rows = iter(weights)
    first = next(rows, None)
    while first is not None:
        most = min(_AT_ONCE, max(1, _MOST_WEIGHTS // max(1, len(first))))
        part = np.empty((most, len(first)))
        part[0], count = first, 1
        for row in islice(rows, most - 1):
            part[count] = row
            count += 1
        yield part[:count]
        first = next(rows, None)


def resampled_ratio(parts: ArrayLike, weights: Weights) -> NDArray[np.float64]:
    """Return (draws,): the ratio of the sums of (images, 2) numerators and denominators.

    A draw whose denominators sum to 0 is NaN.
    """
    return resampled_ratios({"": parts}, weights)[""]


def resampled_ratios(
    parts: Mapping[str, ArrayLike], weights: Weights
) -> dict[str, NDArray[np.float64]]:
    """Return `resampled_ratio` of each of the parts, all of the same draws."""
    values = {name: np.asarray(part, np.float64) for name, part in parts.items()}
    sums = {name: [np.zeros((0, 2))] for name in values}
    for part in in_parts(weights):
        for name, value in values.items():
            sums[name].append(part @ value)
    ratios = {}
    for name, rows in sums.items():
        top, bottom = np.concatenate(rows).T
        with np.errstate(divide="ignore", invalid="ignore"):
            ratios[name] = np.where(bottom != 0, top / bottom, np.nan)
    return ratios


def resampled_sum(slopes: ArrayLike, weights: Weights) -> NDArray[np.float64]:
    """Return (draws,): by how much each draw differs from all images to first order.

    Args:
        slopes: (images,) derivatives of the metric by how often an image counts.
    """
    values = np.asarray(slopes, np.float64)
    return np.concatenate([np.zeros(0), *((part - 1) @ values for part in in_parts(weights))])


def class_mean(values: ArrayLike) -> NDArray[np.float64]:
    """Return the mean of (classes, ...) over the classes that are not NaN; NaN where none is."""
    found = np.asarray(values, np.float64)
    known = ~np.isnan(found)
    with np.errstate(invalid="ignore"):
        mean: NDArray[np.float64] = np.where(known, found, 0).sum(0) / known.sum(0)
    return mean


def around(value: float, drawn: ArrayLike, images: ArrayLike) -> NDArray[np.float64]:
    """Correct the draws of a mean over classes, of a score in [0, 1]: their mean becomes the value
    of all images, and they spread as far as the value of other images does.

    Of a class in few images a draw has even fewer, which shifts AP up and PQ down; a mean over many
    such classes keeps the shift and loses the spread. And draws of n images vary by a factor of
    (n - 1) / n less than n other images would (Efron and Tibshirani, section 5.3), which counts
    where n is the images of a class. On simulated sets of 50 and 200 images with 20 classes, 93 to
    96 % of the intervals of corrected draws contain what as many images give on average, 91 to 95 %
    of the draws as they are.

    Args:
        images: (classes,) in how many images each class occurs.
    """
    values = np.asarray(drawn, np.float64)
    known = values[np.isfinite(values)]
    if not known.size:
        return values
    if known.min() == known.max():
        return np.where(np.isfinite(values), value, values)
    # one image says nothing of how much images differ: taken for two
    counts = np.maximum(np.asarray(images, np.float64), 2)
    spread = math.sqrt(np.mean(counts / (counts - 1)))
    moved: NDArray[np.float64] = np.clip(value + spread * (values - known.mean()), 0, 1)
    return moved


def interval(values: ArrayLike) -> Interval:
    """Return the percentile interval of a metric's values over draws; NaN draws do not count."""
    drawn = np.asarray(values, np.float64)
    drawn = drawn[np.isfinite(drawn)]
    if not drawn.size:
        return NO_INTERVAL
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(drawn, (tail, 1 - tail))
    return Interval(float(low), float(high))


def image_interval(values: ArrayLike, images: int) -> Interval:
    """Return `interval` of draws of so many images; none of a single one, whose draws are all
    alike."""
    return interval(values) if images > 1 else NO_INTERVAL


def with_ends(values: Mapping[str, Any], known: Mapping[str, Interval]) -> dict[str, Any]:
    """Return the values by name, after each its ``NAME.ci_low`` and ``NAME.ci_high`` if known."""
    named: dict[str, Any] = {}
    for name, value in values.items():
        named[name] = value
        if name in known:
            named[f"{name}.ci_low"], named[f"{name}.ci_high"] = known[name].low, known[name].high
    return named


def few_images_note(images: int) -> str:
    """Return what a reader of intervals over so few images has to know; "" where they are
    enough."""
    if images >= FEW_IMAGES:
        return ""
    if images < 2:
        return f"{images} image(s): no interval, since that is over draws of several images"
    return (
        f"{images} images: intervals are too narrow, since so few do not show how much images "
        f"differ; evaluate {FEW_IMAGES} or more"
    )
