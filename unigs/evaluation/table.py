"""Metrics as a table: the model's figure, and the untrained model's, the baseline's and the
ceiling's beside it."""

from __future__ import annotations

import math
from collections.abc import Mapping

from rich.table import Table

UNTRAINED = "untrained"
BASELINE, CEILING = "_baseline", "_ceiling"
HEADER = ("metric", "model", "untrained", "baseline", "ceiling")


def with_untrained(
    figures: Mapping[str, float], untrained: Mapping[str, float]
) -> dict[str, float]:
    """Both in one mapping, the untrained model's under ``untrained.<metric>``."""
    return dict(figures) | {f"{UNTRAINED}.{key}": value for key, value in untrained.items()}


def report_rows(figures: Mapping[str, float]) -> list[tuple[str, ...]]:
    """A row of text for each metric, the columns as in ``HEADER``, "" where there is no figure.

    ``<metric>.<name>_baseline`` and ``<name>_ceiling.<metric>`` go to the row of their metric,
    with their name.
    """
    own = [key for key in figures if not _front(key) and not key.endswith(BASELINE)]
    rows: list[tuple[str, ...]] = []
    for key in own:
        untrained = figures.get(f"{UNTRAINED}.{key}")
        below = {
            name.removeprefix(f"{key}."): value
            for name, value in figures.items()
            if name.startswith(f"{key}.") and name.endswith(BASELINE)
        }
        above = {
            _front(name): value
            for name, value in figures.items()
            if _front(name).endswith(CEILING) and name == f"{_front(name)}.{key}"
        }
        rows.append(
            (
                key,
                number(figures[key]),
                "" if untrained is None else number(untrained),
                _named(below, BASELINE),
                _named(above, CEILING),
            )
        )
    return rows


def _front(key: str) -> str:
    """The prefix that says whose figure it is, "" for the model's own."""
    front = key.split(".", 1)[0]
    return front if front == UNTRAINED or front.endswith(CEILING) else ""


def _named(figures: Mapping[str, float], ending: str) -> str:
    return ", ".join(
        f"{number(value)} ({name.removesuffix(ending).replace('_', ' ')})"
        for name, value in figures.items()
    )


def number(value: float) -> str:
    """Counts whole, other figures to four significant digits, at least three decimals below 10."""
    if math.isnan(value):
        return "-"
    if value == int(value) and abs(value) >= 10:
        return f"{int(value)}"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.4g}"


def markdown(figures: Mapping[str, float]) -> str:
    """The table in Markdown, ended by a line break."""
    lines = [HEADER, ("---", *["---:"] * (len(HEADER) - 1)), *report_rows(figures)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def rich_table(figures: Mapping[str, float], title: str | None = None) -> Table:
    """The table for a terminal."""
    table = Table(title=title)
    table.add_column(HEADER[0])
    for name in HEADER[1:]:
        table.add_column(name, justify="right")
    for row in report_rows(figures):
        table.add_row(*row)
    return table
