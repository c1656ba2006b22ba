"""Is one model better than another on the same images? Paired bootstrap of per-image scores."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unigs.errors import ConfigError, DataError
from unigs.metrics.bootstrap.draws import (
    DRAWS,
    Interval,
    draw_weights,
    interval,
    resampled_ratio,
)
from unigs.metrics.bootstrap.per_image import PerImage

__all__ = ["Difference", "compare"]


@dataclass(frozen=True, slots=True)
class Difference:
    """A metric of one model minus that of another, on the ``images`` that both predicted.

    ``p`` is two-sided: twice the smaller share of draws on one side of 0, at least 1 / draws.
    """

    value: float
    interval: Interval
    p: float
    images: int

    @property
    def better(self) -> bool:
        """Whether the whole interval is above 0."""
        return self.interval.low > 0

    @property
    def worse(self) -> bool:
        """Whether the whole interval is below 0."""
        return self.interval.high < 0

    def __str__(self) -> str:
        low, high = self.interval.low, self.interval.high
        ends = f" [{low:+.4f}, {high:+.4f}]" if np.isfinite([low, high]).all() else ""
        return f"{self.value:+.4f}{ends}"


def compare(
    ours: PerImage, theirs: PerImage, metric: str, draws: int = DRAWS, seed: int = 0
) -> Difference:
    """Compare two models in one metric; both draw the same images. A single one in common has
    neither interval nor p: NaN, and neither model is better.

    Raises:
        ConfigError: fewer than one draw, or a negative seed.
        DataError: no image in common, or one of them lacks the metric.
    """
    return mean_difference([(ours, theirs, metric)], draws, seed)


def mean_difference(
    pairs: Iterable[tuple[PerImage, PerImage, str]], draws: int = DRAWS, seed: int = 0
) -> Difference:
    """Compare two models in the mean of several metrics, each on images of its own (tasks).

    Raises:
        ConfigError: as `compare`.
        DataError: as `compare`.
    """
    if draws < 1 or seed < 0:
        raise ConfigError(f"draws={draws}, seed={seed}: give 1 or more draws, a seed from 0 on")
    values, drawn, images, single = [], [], 0, False
    for number, (ours, theirs, metric) in enumerate(pairs):
        a, b = _in_common(ours, theirs, metric)
        weights = draw_weights(len(a.keys), draws, seed + number)
        values.append(a.value(metric) - b.value(metric))
        drawn.append(
            resampled_ratio(a.parts[metric], weights) - resampled_ratio(b.parts[metric], weights)
        )
        images += len(a.keys)
        single = single or len(a.keys) < 2
    if not values:
        raise DataError("nothing to compare", hint="give at least one metric")
    means = np.mean(drawn, axis=0)
    if single:
        means = np.full_like(means, np.nan)
    return Difference(float(np.mean(values)), interval(means), _p_value(means), images)


def _in_common(ours: PerImage, theirs: PerImage, metric: str) -> tuple[PerImage, PerImage]:
    for scores in (ours, theirs):
        if metric not in scores.parts:
            raise DataError(f"no scores of images for {metric}", hint="evaluate both models again")
    keys = set(ours.keys) & set(theirs.keys)
    if not keys:
        raise DataError("the two models have no image in common", hint="evaluate the same shards")
    return ours.only(keys), theirs.only(keys)


def _p_value(differences: NDArray[np.float64]) -> float:
    drawn = differences[np.isfinite(differences)]
    if not drawn.size:
        return float("nan")
    side = min((drawn <= 0).mean(), (drawn >= 0).mean())
    return float(min(1.0, max(2 * side, 1 / drawn.size)))
