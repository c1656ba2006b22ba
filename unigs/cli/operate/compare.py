"""`unigs compare`: two evaluations side by side in one HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unigs.cli.output import print_result

EXAMPLES = (
    "unigs compare evaluation/a evaluation/b --out compared.html",
    "unigs compare evaluation/a evaluation/b --out compared.html --names before,after --images 20",
)


def compare(
    first: Annotated[
        Path,
        typer.Argument(
            exists=True,
            file_okay=False,
            help="Folder that `unigs evaluate --out` wrote, or one of its tasks.",
        ),
    ],
    second: Annotated[
        Path,
        typer.Argument(
            exists=True, file_okay=False, help="The same of another model, on the same shards."
        ),
    ],
    out: Annotated[Path, typer.Option(help="HTML page to write.")],
    shards: Annotated[
        Path | None,
        typer.Option(
            help="Shards that both were evaluated on, or a folder with one folder a task: for "
            "photographs and classes."
        ),
    ] = None,
    names: Annotated[
        str | None, typer.Option(help="What the page calls them, with a comma between.")
    ] = None,
    images: Annotated[int, typer.Option(min=0, help="Images shown of each task.")] = 60,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Compare two models image by image: metrics, classes, sizes, pictures."""
    from unigs.comparison.evaluation import Evaluation, tasks_of
    from unigs.comparison.inputs import read_inputs
    from unigs.comparison.page import compare_task, write_page
    from unigs.errors import ConfigError, DataError

    called = names.split(",") if names else _names(first, second)
    if len(called) != 2 or not all(called):
        raise ConfigError(f"--names {names}", hint="give two names with a comma between")
    sides = tasks_of(first), tasks_of(second)
    shared = [task for task in sides[0] if task in sides[1]]
    if not shared:
        raise DataError(
            f"no task in common: {', '.join(sides[0])} and {', '.join(sides[1])}", file=second
        )
    tasks = []
    for task in shared:
        one, other = (
            Evaluation.read(side[task], name) for side, name in zip(sides, called, strict=True)
        )
        place = None if shards is None else shards / task
        inputs = None if place is None else read_inputs(place, one.files)
        tasks.append(compare_task(task or one.folder.name, one, other, inputs, images))
    size = write_page(out, called[0], called[1], tasks)
    result = {
        "page": str(out),
        "bytes": size,
        "tasks": {
            task.title: {
                row.name: {
                    "first": row.first,
                    "second": row.second,
                    "difference": row.difference.value,
                    "ci_low": row.difference.interval.low,
                    "ci_high": row.difference.interval.high,
                    "p": row.difference.p,
                }
                for row in task.metrics
            }
            for task in tasks
        },
    }
    if json:
        print_result(result, as_json=True)
        return
    for compared in tasks:
        row = compared.metrics[0]
        values = f"{row.first:.4f} and {row.second:.4f}, {row.difference}"
        typer.echo(f"{compared.title} {row.name}: {values}")
    typer.echo(f"page: {out} ({size / 1e6:.1f} MB)")


def _names(first: Path, second: Path) -> list[str]:
    """The folders' names; with the parents' where those are the same."""
    ways = [path.resolve().parts for path in (first, second)]
    for depth in range(1, min(map(len, ways)) + 1):
        shown = ["/".join(parts[-depth:]) for parts in ways]
        if shown[0] != shown[1]:
            return shown
    return ["first", "second"]
