"""What each image contributes to metrics that are ratios of sums: intervals and comparisons."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from unigs.errors import DataError
from unigs.io.files import writing
from unigs.metrics.bootstrap.draws import (
    DRAWS,
    NO_INTERVAL,
    Interval,
    draw_weights,
    image_interval,
    resampled_ratios,
)

__all__ = ["Parts", "PerImage"]

#: Numerators and denominators by the name of the metric.
Parts = Mapping[str, tuple[float, float]]
_KEY, _TOP, _BOTTOM = "image", "sum", "count"


@dataclass(frozen=True, slots=True, eq=False)
class PerImage:
    """The contributions of images to metrics.

    Attributes:
        keys: of the images, ascending.
        parts: metric -> (images, 2) float64: the metric is the sum of the first column over the
            sum of the second.
    """

    keys: tuple[str, ...]
    parts: dict[str, NDArray[np.float64]]

    @classmethod
    def of(cls, images: Mapping[str, Parts]) -> PerImage:
        """Collect the contributions of images by key; all of them have the same metrics."""
        keys = tuple(sorted(images))
        names = list(images[keys[0]]) if keys else []
        parts = {name: np.array([images[key][name] for key in keys], np.float64) for name in names}
        return cls(keys, parts)

    def __or__(self, other: PerImage) -> PerImage:
        """Join the metrics of both; images that one of them lacks contribute nothing to its own."""
        keys = tuple(sorted({*self.keys, *other.keys}))
        return PerImage(keys, self._over(keys) | other._over(keys))

    def renamed(self, names: Mapping[str, str]) -> PerImage:
        """Return the metrics that have a new name, under it."""
        return PerImage(self.keys, {new: self.parts[old] for old, new in names.items()})

    def value(self, name: str) -> float:
        """Return a metric over all images; NaN over nothing."""
        top, bottom = self.parts[name].sum(0)
        return float(top / bottom) if bottom else math.nan

    def intervals(self, draws: int = DRAWS, seed: int = 0) -> dict[str, Interval]:
        """Return the bootstrap interval of every metric; NaN of fewer than two images."""
        if not self.keys:
            return dict.fromkeys(self.parts, NO_INTERVAL)
        weights = draw_weights(len(self.keys), draws, seed)
        drawn = resampled_ratios(self.parts, weights)
        return {name: image_interval(values, len(self.keys)) for name, values in drawn.items()}

    def write(self, path: Path) -> None:
        """Write a parquet table: ``image``, and for each metric ``<metric>|sum`` and
        ``<metric>|count``."""
        columns: dict[str, object] = {_KEY: list(self.keys)}
        for name, values in self.parts.items():
            columns[f"{name}|{_TOP}"], columns[f"{name}|{_BOTTOM}"] = values[:, 0], values[:, 1]
        with writing(path) as partial:
            pq.write_table(pa.table(columns), partial)

    @classmethod
    def read(cls, path: Path) -> PerImage:
        """Read what :meth:`write` wrote.

        Raises:
            DataError: no such file, or another content.
        """
        try:
            table = pq.read_table(path)
            keys = tuple(table.column(_KEY).to_pylist())
            names = [
                name.rpartition("|")[0] for name in table.column_names if name.endswith(f"|{_TOP}")
            ]
            parts = {
                name: np.stack(
                    [table.column(f"{name}|{kind}").to_numpy() for kind in (_TOP, _BOTTOM)], axis=1
                )
                for name in names
            }
        except (OSError, KeyError, pa.ArrowException) as error:
            raise DataError(
                f"no scores of images: {error}", file=path, hint="evaluate again"
            ) from error
        return cls(keys, parts)

    def only(self, keys: Iterable[str]) -> PerImage:
        """Return the contributions of the images with these keys."""
        wanted = set(keys)
        chosen = [number for number, key in enumerate(self.keys) if key in wanted]
        return PerImage(
            tuple(self.keys[number] for number in chosen),
            {name: values[chosen] for name, values in self.parts.items()},
        )

    def _over(self, keys: tuple[str, ...]) -> dict[str, NDArray[np.float64]]:
        place = {key: number for number, key in enumerate(keys)}
        rows = [place[key] for key in self.keys]
        spread = {}
        for name, values in self.parts.items():
            spread[name] = np.zeros((len(keys), 2))
            spread[name][rows] = values
        return spread
