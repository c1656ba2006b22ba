"""The paper's metrics as one short table: a model's values on the test protocol and on held-out
scenes, with baselines and upper bounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.table import Table

from unigs.evaluation.metric_values import MetricValue, MetricValues, Role
from unigs.evaluation.table import number, report_rows

# Tables 3 to 6, and the masks of inpainting; of alternatives the first that was measured is shown.
PAPER_METRICS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "inpainting": (("fid", "frechet_distance"), ("clip_i_region",), ("miou",)),
    "synthesis": (("fid", "frechet_distance"), ("clip_i_region",), ("miou",)),
    "referring": (("miou",), ("recall_50",)),
    "entity": (("miou",), ("recall_50",), ("ap_e",)),
}
COLUMNS = ("task", "metric", "one entity", "all", "held-out", "training", "baseline", "upper bound")
# The entity task has one protocol, of all entities; the others one for up to three.
_ONE, _ALL, _TRAINING = ("single",), ("multiple", "all"), ("training",)


def paper_rows(values: Mapping[str, MetricValues]) -> list[tuple[str, ...]]:
    """Return a row of text for each of the paper's metrics, the columns as in ``COLUMNS``, "" where
    there is no value.

    Args:
        values: by task, with baselines, upper bounds and those of the test protocol and of training
            scenes.
    """
    rows: list[tuple[str, ...]] = []
    for task, of_task in values.items():
        model = of_task.where(lambda value: value.role is Role.MODEL)
        cells = {row[0]: row for row in report_rows(of_task)}
        for alternatives in PAPER_METRICS.get(task, ()):
            own = _measured(model, alternatives)
            if own is None:
                continue
            _, value, _, baseline, bound = cells[own.name]
            one, everything, trained = (
                _on_protocol(model, parts, own) for parts in (_ONE, _ALL, _TRAINING)
            )
            rows.append((task, own.name, one, everything, value, trained, baseline, bound))
    return rows


def _measured(model: MetricValues, alternatives: tuple[str, ...]) -> MetricValue | None:
    found = (
        value
        for wanted in alternatives
        for value in model
        if value.metric == wanted and not value.protocol
    )
    return next(found, None)


def _on_protocol(model: MetricValues, parts: tuple[str, ...], own: MetricValue) -> str:
    subjects = [(part, own.metric, own.evaluator) for part in parts]
    return next((number(value.value) for value in model if value.subject in subjects), "")


def paper_table(values: Mapping[str, MetricValues], title: str) -> Table:
    """Return the rows for a terminal, with the notes of their values."""
    rows = paper_rows(values)
    notes = "\n".join(_notes(values, rows))
    table = Table(title=title, caption=notes or None, caption_justify="left")
    for place, name in enumerate(COLUMNS):
        table.add_column(name, justify="left" if place < 2 else "right", overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table


def paper_markdown(values: Mapping[str, MetricValues], title: str) -> str:
    """Return the rows in Markdown under a heading, with the notes of their values."""
    rule = ["---", "---", *["---:"] * (len(COLUMNS) - 2)]
    rows = paper_rows(values)
    lines = [COLUMNS, rule, *rows]
    table = f"# {title}\n\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines)
    return table + "".join(f"\n{note}.\n" for note in _notes(values, rows))


def _notes(values: Mapping[str, MetricValues], rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Return the notes of the values that are shown, each after its task."""
    notes: list[str] = []
    for task, of_task in values.items():
        shown = {row[1] for row in rows if row[0] == task}
        notes += [f"{task}: {note}" for note in of_task.named_only(shown).notes()]
    return notes
