"""A table of the paper with rows for the models at hand."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unigs.evaluation.metric_values import MetricValue, MetricValues, Role, finite
from unigs.evaluation.paper.published import PUBLISHED, PublishedTable
from unigs.evaluation.table import number, with_interval

TABLE_FILE, ROWS_FILE = "table.md", "table.json"

# (metrics, of which the first that was measured is shown, part of the protocol) of each column.
Cell = tuple[tuple[str, ...], str]
_FRECHET, _CLIP, _MIOU = ("fid", "frechet_distance"), ("clip_i_region",), ("miou",)
_RECALL, _AP = ("recall_50",), ("ap_e",)
#: Table -> its task, and where the values of its columns are found.
CELLS: Mapping[int, tuple[str, tuple[Cell, ...]]] = {
    3: (
        "inpainting",
        tuple((metric, part) for part in ("single", "multiple") for metric in (_FRECHET, _CLIP)),
    ),
    4: (
        "synthesis",
        tuple(
            (metric, part) for part in ("single", "multiple") for metric in (_FRECHET, _CLIP, _MIOU)
        ),
    ),
    5: ("referring", ((_MIOU, "multiple"), (_RECALL, "multiple"))),
    6: ("entity", ((_MIOU, "all"), (_RECALL, "all"), (_AP, "all"))),
}
_NONE = MetricValue("", math.nan)


@dataclass(frozen=True, slots=True)
class ResultTable:
    """Rows of models beside a table of the paper; a value with an empty metric is none."""

    published: PublishedTable
    rows: tuple[tuple[str, tuple[MetricValue, ...]], ...]
    note: str = ""

    def markdown(self) -> str:
        """Return the table in Markdown under its heading; the paper's rows come first."""
        known = self.published
        lines = [
            ("method", *known.columns),
            ("---", *["---:"] * len(known.columns)),
            *(
                (f"{name} (paper)", *("" if v is None else f"{v:g}" for v in values))
                for name, values in known.rows
            ),
            *((name, *map(_text, values)) for name, values in self.rows),
        ]
        text = f"### Table {known.number}: {known.title}\n\n"
        text += "".join(f"| {' | '.join(line)} |\n" for line in lines)
        return f"{text}\n{self.note}\n" if self.note else text

    def columns(self) -> dict[str, list[Any]]:
        """Return the table by column, for MLflow: method, source, and each value with its ends."""
        table: dict[str, list[Any]] = {"method": [], "source": []}
        width = len(self.published.columns)
        for name, printed in self.published.rows:
            table["method"].append(name)
            table["source"].append("paper")
            for place in range(width):
                self._put(table, place, printed[place], None, None)
        for name, values in self.rows:
            table["method"].append(name)
            table["source"].append("measured")
            for place, value in enumerate(values):
                numbers = (value.value, value.ci_low, value.ci_high)
                self._put(table, place, *map(finite, numbers))
        return table

    def missing(self) -> list[str]:
        """Return the cells of measured rows that have no value, as "row: column"."""
        return [
            f"{name}: {column}"
            for name, values in self.rows
            for column, value in zip(self.published.columns, values, strict=True)
            if math.isnan(value.value)
        ]

    def write(self, folder: Path) -> None:
        """Write ``table.md`` and ``table.json`` into ``folder``."""
        (folder / TABLE_FILE).write_text(self.markdown(), "utf-8")
        (folder / ROWS_FILE).write_text(json.dumps(self.columns(), indent=1), "utf-8")

    def _put(self, table: dict[str, list[Any]], place: int, *numbers: float | None) -> None:
        name = self.published.columns[place]
        for ending, value in zip(("", " low", " high"), numbers, strict=True):
            table.setdefault(name + ending, []).append(value)


def protocol_table(table: int, models: Mapping[str, MetricValues]) -> ResultTable:
    """Return one of Tables 3 to 6.

    Args:
        models: name -> values on the table's task, those of the test protocol among them, as
            evaluations and reports hold them; baselines and the like are passed over.
    """
    task, cells = CELLS[table]
    rows = tuple(
        (name, tuple(_value(values, cell) for cell in cells)) for name, values in models.items()
    )
    names = {
        value.name.split(".", 2)[-1]
        for _, values in rows
        for value in values
        if value.metric == "frechet_distance" or (value.metric == "miou" and value.evaluator)
    }
    note = f"Measured rows: {task} on the set's own test protocol, 95 % intervals over images."
    if names:
        note += f" Not the paper's networks: {', '.join(sorted(names))}."
    told = {value.note: None for _, values in rows for value in values if value.note}
    note += "".join(f" {text}." for text in told)
    return ResultTable(PUBLISHED[table], rows, note)


def masks_table(
    table: int, rows: Iterable[tuple[str, Sequence[MetricValue]]], note: str = ""
) -> ResultTable:
    """Return a table whose columns are values at hand (`miou` and `recall_50` of Tables 7 to 9)."""
    return ResultTable(PUBLISHED[table], tuple((name, tuple(v)) for name, v in rows), note)


def _value(values: MetricValues, cell: Cell) -> MetricValue:
    metrics, part = cell
    own = values.where(lambda value: value.role is Role.MODEL and value.protocol == part)
    found = (value for metric in metrics for value in own if value.metric == metric)
    return next(found, _NONE)


def _text(value: MetricValue) -> str:
    return with_interval(value) if value.metric else number(math.nan)
