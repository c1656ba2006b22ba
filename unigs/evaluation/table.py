"""Metrics as a table: values of the model and the untrained model, with baselines and upper
bounds."""

from __future__ import annotations

import math

from rich.table import Table

from unigs.evaluation.metric_values import MetricValue, MetricValues, Role

__all__ = ["markdown"]

HEADER = ("metric", "model", "untrained", "baseline", "upper bound")


def report_rows(values: MetricValues) -> list[tuple[str, ...]]:
    """Return a row of text for each metric of the model, the columns as in ``HEADER``, "" where
    there is no value; those of a baseline or an upper bound carry their source."""
    beside: dict[tuple[str, str, str], list[MetricValue]] = {}
    for value in values:
        beside.setdefault(value.subject, []).append(value)
    rows: list[tuple[str, ...]] = []
    for own in values.where(lambda value: value.role is Role.MODEL):
        found = beside[own.subject]
        columns = ([v for v in found if v.role is role] for role in Role if role is not Role.MODEL)
        rows.append((own.name, with_interval(own), *map(_cell, columns)))
    return rows


def _cell(values: list[MetricValue]) -> str:
    return ", ".join(
        number(value.value) + (f" ({value.source.replace('_', ' ')})" if value.source else "")
        for value in values
    )


def with_interval(value: MetricValue) -> str:
    """Return a value with its interval of 95 %, where it has one: ``0.704 [0.682, 0.725]``."""
    text = number(value.value)
    if not value.has_interval:
        return text
    return f"{text} [{number(value.ci_low)}, {number(value.ci_high)}]"


def number(value: float) -> str:
    """Counts whole, other values to four significant digits, at least three decimals below 10."""
    if math.isnan(value):
        return "-"
    if value == int(value) and abs(value) >= 10:
        return f"{int(value)}"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.4g}"


def markdown(values: MetricValues) -> str:
    """Return the table in Markdown with its notes below it, and a final newline."""
    lines = [HEADER, ("---", *["---:"] * (len(HEADER) - 1)), *report_rows(values)]
    table = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    return table + "".join(f"\n{note}.\n" for note in values.notes())


def rich_table(values: MetricValues, title: str | None = None) -> Table:
    """Return the table for a terminal, its notes below it."""
    notes = "\n".join(values.notes())
    table = Table(title=title, caption=notes or None, caption_justify="left")
    table.add_column(HEADER[0])
    for name in HEADER[1:]:
        table.add_column(name, justify="right")
    for row in report_rows(values):
        table.add_row(*row)
    return table
