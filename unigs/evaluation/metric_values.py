"""Metric values with their metric, evaluator and role as fields.

Names such as ``codec_ceiling.miou`` are for people, MLflow and scripts. They are built here and
never parsed again: code reads the fields.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from unigs.errors import DataError
from unigs.io.files import writing
from unigs.metrics.bootstrap.draws import NO_INTERVAL, Interval

METRICS_FILE, VALUES_FILE = "metrics.json", "metric_values.json"
_NUMBERS = ("value", "ci_low", "ci_high")


class Role(StrEnum):
    """Whose predictions a value was measured on."""

    MODEL = "model"
    UNTRAINED = "untrained"
    BASELINE = "baseline"
    CEILING = "ceiling"


@dataclass(frozen=True, slots=True)
class MetricValue:
    """One value.

    Attributes:
        metric: what was measured, as docs/metrics.md names it: `miou`, `absent.miou`, `kid`.
        value: NaN where it has no meaning.
        evaluator: name of the network that it was measured with, "" for none.
        role: whose predictions were measured.
        source: which baseline or upper bound: `coarse_mask`, `codec`; "" for a model.
        protocol: part of the test protocol (`single`, `multiple`, `all`), or `training` for
            training scenes; "" for held-out shards.
        ci_low, ci_high: interval of 95 % by 1,000 bootstrap draws of the images; NaN where none
            was computed.
        note: what a reader has to know, such as that there are fewer images than dimensions; "" for
            nothing.
    """

    metric: str
    value: float
    evaluator: str = ""
    role: Role = Role.MODEL
    source: str = ""
    protocol: str = ""
    ci_low: float = math.nan
    ci_high: float = math.nan
    note: str = ""

    @classmethod
    def measured(
        cls,
        metric: str,
        value: float,
        interval: Interval | None = None,
        evaluator: str = "",
        note: str = "",
    ) -> MetricValue:
        """Return a model's value with its interval, if there is one."""
        found = interval or NO_INTERVAL
        return cls(metric, value, evaluator, ci_low=found.low, ci_high=found.high, note=note)

    @property
    def has_interval(self) -> bool:
        """Whether an interval was computed."""
        return math.isfinite(self.ci_low) and math.isfinite(self.ci_high)

    @property
    def subject(self) -> tuple[str, str, str]:
        """Metric, evaluator and protocol, without the role."""
        return self.protocol, self.metric, self.evaluator

    @property
    def name(self) -> str:
        """Flat name of the value for people and scripts (docs/metrics.md, "Names")."""
        parts = [self.metric, self.evaluator]
        if self.protocol:
            parts.insert(0, f"protocol.{self.protocol}")
        if self.role is Role.UNTRAINED:
            parts.insert(0, "untrained")
        elif self.role is Role.BASELINE:
            parts.append(f"{self.source}_baseline")
        elif self.role is Role.CEILING:
            parts.insert(0, f"{self.source}_ceiling")
        return ".".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class MetricValues:
    """Values of one task in display order, with unique names."""

    values: tuple[MetricValue, ...]

    def __post_init__(self) -> None:
        names = [value.name for value in self.values]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise ValueError(f"metrics of one name: {sorted(twice)}")

    def __iter__(self) -> Iterator[MetricValue]:
        return iter(self.values)

    def __add__(self, other: Iterable[MetricValue]) -> MetricValues:
        return MetricValues((*self.values, *other))

    def where(self, wanted: Callable[[MetricValue], bool]) -> MetricValues:
        """Return the values for which `wanted` is true."""
        return MetricValues(tuple(value for value in self.values if wanted(value)))

    def named_only(self, names: Collection[str]) -> MetricValues:
        """Return the values with these names."""
        return self.where(lambda value: value.name in names)

    def changed(self, **fields: Any) -> MetricValues:
        """Return the same values with another `role`, `source` or `protocol`."""
        return MetricValues(tuple(replace(value, **fields) for value in self.values))

    def named(self) -> dict[str, float]:
        """Name -> value; ``NAME.ci_low`` and ``NAME.ci_high`` follow where there is an interval."""
        named: dict[str, float] = {}
        for value in self.values:
            named[value.name] = value.value
            if value.has_interval:
                named |= {
                    f"{value.name}.ci_low": value.ci_low,
                    f"{value.name}.ci_high": value.ci_high,
                }
        return named

    def notes(self) -> list[str]:
        """Return the notes of a model's values, each after the names of the values that it is of:
        a report shows them below its table."""
        named: dict[str, list[str]] = {}
        for value in self.values:
            if value.note and value.role is Role.MODEL:
                named.setdefault(value.note, []).append(value.name)
        return [f"{', '.join(names)}: {note}" for note, names in named.items()]

    def records(self) -> list[dict[str, Any]]:
        """JSON-ready: the fields of each value, null where it has no meaning."""
        return [
            asdict(value) | {name: finite(getattr(value, name)) for name in _NUMBERS}
            for value in self.values
        ]

    @classmethod
    def of_records(cls, records: list[dict[str, Any]]) -> MetricValues:
        """Return the values that :meth:`records` gave."""
        if not isinstance(records, list):
            raise TypeError("not a list")
        return cls(tuple(_value(record) for record in records))

    def write(self, folder: Path) -> None:
        """Write ``metrics.json`` (name -> value, null where it has no meaning) for scripts, and
        ``metric_values.json``, which :meth:`read` reads, into `folder`."""
        named = {name: finite(value) for name, value in self.named().items()}
        for name, content in ((METRICS_FILE, named), (VALUES_FILE, self.records())):
            with writing(folder / name) as partial:
                partial.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n")

    @classmethod
    def read(cls, folder: Path | str) -> MetricValues:
        """Read what :meth:`write` wrote; null becomes NaN again.

        Raises:
            DataError: no such file, or another content.
        """
        path = Path(folder) / VALUES_FILE
        try:
            return cls.of_records(json.loads(path.read_text()))
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise DataError(f"no metrics: {error}", file=path, hint="evaluate again") from error


def finite(value: float) -> float | None:
    """Replace NaN by null, since JSON has no NaN."""
    return None if math.isnan(value) else value


def _value(record: Mapping[str, Any]) -> MetricValue:
    numbers = {name: math.nan if record[name] is None else float(record[name]) for name in _NUMBERS}
    return MetricValue(**{**record, **numbers, "role": Role(record["role"])})
