"""The paper's metrics as one short table: a model's figures on the test protocol and on held-out
scenes, with baselines and upper bounds."""

from __future__ import annotations

from collections.abc import Mapping

from rich.table import Table

from unigs.evaluation.table import number, report_rows

# Tables 3 to 6, and the masks of inpainting. A name that ends with a dot stands for whichever
# evaluator was used; of alternatives the first that was measured is shown.
PAPER_METRICS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "inpainting": (("fid", "frechet_distance."), ("clip_i_region.",), ("miou",)),
    "synthesis": (("fid", "frechet_distance."), ("clip_i_region.",), ("miou.",)),
    "referring": (("miou",), ("recall_50",)),
    "entity": (("miou",), ("recall_50",), ("ap_e",)),
}
COLUMNS = ("task", "metric", "one entity", "all", "held-out", "baseline", "upper bound")
# The entity task has one protocol, of all entities; the others one for up to three.
_ONE, _ALL = ("single",), ("multiple", "all")


def paper_rows(figures: Mapping[str, Mapping[str, float]]) -> list[tuple[str, ...]]:
    """A row of text for each of the paper's metrics, the columns as in ``COLUMNS``, "" where there
    is no figure.

    Args:
        figures: by task, metric name -> value, with baselines, ceilings and ``protocol.``.
    """
    rows: list[tuple[str, ...]] = []
    for task, of_task in figures.items():
        own = {row[0]: row for row in report_rows(of_task)}
        for alternatives in PAPER_METRICS.get(task, ()):
            name = _measured(own, alternatives)
            if name is None:
                continue
            _, value, _, baseline, ceiling = own[name]
            one, everything = (_protocol(of_task, kinds, name) for kinds in (_ONE, _ALL))
            rows.append((task, name, one, everything, value, baseline, ceiling))
    return rows


def _measured(own: Mapping[str, object], alternatives: tuple[str, ...]) -> str | None:
    for wanted in alternatives:
        for name in own:
            if name == wanted or (wanted.endswith(".") and name.startswith(wanted)):
                return name
    return None


def _protocol(figures: Mapping[str, float], kinds: tuple[str, ...], name: str) -> str:
    for kind in kinds:
        value = figures.get(f"protocol.{kind}.{name}")
        if value is not None:
            return number(value)
    return ""


def paper_table(figures: Mapping[str, Mapping[str, float]], title: str) -> Table:
    """The rows for a terminal."""
    table = Table(title=title)
    for place, name in enumerate(COLUMNS):
        table.add_column(name, justify="left" if place < 2 else "right", overflow="fold")
    for row in paper_rows(figures):
        table.add_row(*row)
    return table


def paper_markdown(figures: Mapping[str, Mapping[str, float]], title: str) -> str:
    """The rows in Markdown under a heading."""
    rule = ["---", "---", *["---:"] * (len(COLUMNS) - 2)]
    lines = [COLUMNS, rule, *paper_rows(figures)]
    return f"# {title}\n\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines)
