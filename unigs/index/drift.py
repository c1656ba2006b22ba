"""How the distributions of one state of the training data differ from those of another."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from unigs.errors import DataError
from unigs.index.scenes_index import ScenesIndex
from unigs.index.statistics import AREA_EDGES, SceneStatistics
from unigs.index.status import OK
from unigs.io.image_file import read_image

BRIGHTNESS_BINS = 16
# Images that are opened for their brightness, spread evenly over an index.
BRIGHTNESS_IMAGES = 256
# A share of entities or images that may be elsewhere than before, and how many times as far as
# chance would bring two samples of one distribution apart.
ALLOWED, CHANCES = 0.1, 3.0


@dataclass(frozen=True, slots=True)
class Distributions:
    """Counts of the training data.

    Attributes:
        classes: class name -> number of entities.
        areas: share of the image, as text of the upper edge -> number of entities.
        brightness: mean grey value, as text of the lower edge (0 to 240) -> number of images.
    """

    classes: dict[str, int]
    areas: dict[str, int]
    brightness: dict[str, int]

    @classmethod
    def of(cls, parts: Iterable[tuple[SceneStatistics, Sequence[int]]]) -> Self:
        """Add up the statistics and the counts of `brightness` of some indexes."""
        classes: Counter[str] = Counter()
        areas = np.zeros(len(AREA_EDGES), np.int64)
        grey = np.zeros(BRIGHTNESS_BINS, np.int64)
        for statistics, brightness in parts:
            classes.update(statistics.class_counts)
            areas += statistics.area_counts
            grey += brightness
        edges = [f"{edge:.4g}" for edge in AREA_EDGES]
        steps = [str(number * 256 // BRIGHTNESS_BINS) for number in range(BRIGHTNESS_BINS)]
        return cls(
            dict(classes),
            dict(zip(edges, areas.tolist(), strict=True)),
            dict(zip(steps, grey.tolist(), strict=True)),
        )


@dataclass(frozen=True, slots=True)
class Difference:
    """How far one distribution is from another.

    Attributes:
        name: of the distribution: ``classes``, ``areas`` or ``brightness``.
        distance: the share that lies elsewhere, 0 to 1 (total variation); NaN where one of them is
            empty.
        chance: what two samples of these sizes of one distribution differ by on average.
        most: the value whose share changed most.
        before, now: its shares.
    """

    name: str
    distance: float
    chance: float
    most: str
    before: float
    now: float

    @property
    def drifted(self) -> bool:
        """It is further away than is allowed and than chance explains."""
        return self.distance > max(ALLOWED, CHANCES * self.chance)

    def __str__(self) -> str:
        return (
            f"{self.name}: {self.distance:.0%} lie elsewhere ({self.chance:.0%} by chance), "
            f"{self.most} {self.now:.0%} instead of {self.before:.0%}"
        )


def differences(before: Distributions, now: Distributions) -> list[Difference]:
    """Return how far each distribution has moved."""
    pairs = asdict(before), asdict(now)
    return [_difference(name, *(pair[name] for pair in pairs)) for name in pairs[0]]


def brightness(index: ScenesIndex, most: int = BRIGHTNESS_IMAGES) -> list[int]:
    """Return the number of images by their mean grey value, in `BRIGHTNESS_BINS` equal bins; of
    large indexes every so many-eth is opened. Images that cannot be read any more are left out."""
    places = [row["image"] for row in index.rows(["status", "image"]) if row["status"] == OK]
    step = max(1, math.ceil(len(places) / most))
    counts = [0] * BRIGHTNESS_BINS
    for place in places[::step]:
        try:
            grey = float(read_image(index.root / place)[::4, ::4].mean())
        except DataError:
            continue
        counts[min(int(grey * BRIGHTNESS_BINS / 256), BRIGHTNESS_BINS - 1)] += 1
    return counts


def _difference(name: str, before: Mapping[str, int], now: Mapping[str, int]) -> Difference:
    values = list(dict.fromkeys([*before, *now]))
    old, new = (np.array([c.get(v, 0) for v in values], np.float64) for c in (before, now))
    if not old.sum() or not new.sum():
        return Difference(name, math.nan, math.nan, "", math.nan, math.nan)
    p, q = old / old.sum(), new / new.sum()
    pooled = (old + new) / (old.sum() + new.sum())
    # the mean of |x| of a normal x is sqrt(2 / pi) of its deviation
    deviations = np.sqrt(pooled * (1 - pooled) * (1 / old.sum() + 1 / new.sum()))
    chance = float(deviations.sum() * math.sqrt(2 / math.pi) / 2)
    most = int(np.abs(p - q).argmax())
    distance = float(np.abs(p - q).sum() / 2)
    return Difference(name, distance, chance, values[most], float(p[most]), float(q[most]))


def read_distributions(said: Any) -> Distributions | None:
    """Return what `dataclasses.asdict` made of distributions and JSON kept; None for anything
    else."""
    try:
        return Distributions(**said)
    except TypeError:
        return None
