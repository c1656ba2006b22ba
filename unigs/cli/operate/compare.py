"""`unigs compare`: two evaluations side by side in one HTML page."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from json import loads
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from unigs.cli.output import print_result
from unigs.cli.shared.graph import graph_command

if TYPE_CHECKING:
    from unigs.comparison.curves import Curves

EXAMPLES = (
    "unigs compare evaluation/a evaluation/b --out compared.html",
    "unigs compare evaluation/a evaluation/b --out compared.html --names before,after --images 20",
    "unigs compare evaluation/a evaluation/b --out compared.html --shards shards --export exported",
)

# Of a registered model: `3`, `champion`, `name/3`, `name/champion`.
VERSION = re.compile(r"([^/]+/)?([0-9]+|champion)")


def compare(
    first: Annotated[
        str,
        typer.Argument(
            help="Folder that `unigs evaluate --out` wrote, or one of its tasks; or a version that "
            "the gate has seen: `name/version`, its number, `champion`, `name/champion`."
        ),
    ],
    second: Annotated[str, typer.Argument(help="The same of another model, on the same shards.")],
    out: Annotated[Path, typer.Option(help="HTML page to write.")],
    shards: Annotated[
        Path | None,
        typer.Option(
            help="Shards that both were evaluated on, or a folder with one folder a task: for "
            "photographs and classes. Of versions the store's, if they are in it."
        ),
    ] = None,
    names: Annotated[
        str | None, typer.Option(help="What the page calls them, with a comma between.")
    ] = None,
    store: Annotated[
        Path | None,
        typer.Option(help="Store of the versions; default: $UNIGS_STORE, else ./store."),
    ] = None,
    images: Annotated[int, typer.Option(min=0, help="Images shown of each task.")] = 60,
    export: Annotated[
        Path | None,
        typer.Option(
            help="New folder that gets photographs, truth and predictions in COCO's formats and in "
            "FiftyOne's own; needs --shards, and folders."
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Compare two models image by image: metrics, classes, sizes, pictures."""
    from unigs.errors import ConfigError

    for given in (first, second):
        if not Path(given).is_dir() and not VERSION.fullmatch(given):
            raise typer.BadParameter(f"{given!r} does not exist: give a folder, or a version")
    if export is not None and (
        shards is None or not all(Path(p).is_dir() for p in (first, second))
    ):
        raise ConfigError(
            "--export needs --shards, and a folder of each model",
            hint="of a version the gate keeps no scores: give the store's evaluation/MODEL",
        )
    with TemporaryDirectory() as fetched:
        sides = [
            _side(given, store, Path(fetched) / place)
            for given, place in ((first, "first"), (second, "second"))
        ]
        if len({side.evaluated_on for side in sides} - {""}) > 1:
            raise ConfigError(
                "the two versions were evaluated on other shards or by other settings",
                hint="run the gate of the older one again",
            )
        # after what is quickly told
        from unigs.comparison.evaluation import tasks_of
        from unigs.comparison.models import compare_models
        from unigs.comparison.page import write_page

        known = [side.name for side in sides]
        called = names.split(",") if names else known
        if names is None and known[0] == known[1]:
            called = _names(sides[0].folder, sides[1].folder)
        if len(called) != 2 or not all(called):
            raise ConfigError(f"--names {names}", hint="give two names with a comma between")
        shards = shards or next((side.shards for side in sides if side.shards), None)
        one, other = (tasks_of(side.folder) for side in sides)
        tasks = compare_models(one, other, (called[0], called[1]), shards, images)
        written = {}
        if export is not None and shards is not None:
            from unigs.comparison.export import export_models

            written = export_models(export, one, other, (called[0], called[1]), shards)
        curves, without = _trainings(sides, called)
        size = write_page(out, called[0], called[1], tasks, curves, without)
    result: dict[str, Any] = {
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
    if written:
        result["export"] = {task: str(exported.folder) for task, exported in written.items()}
    if json:
        print_result(result, as_json=True)
        return
    for compared in tasks:
        row = compared.metrics[0]
        values = f"{row.first:.4f} and {row.second:.4f}, {row.difference}"
        typer.echo(f"{compared.title} {row.name}: {values}")
    typer.echo(f"page: {out} ({size / 1e6:.1f} MB)")
    for task, exported in written.items():
        typer.echo(f"export of {task}: {exported.folder} ({exported.images} images)")


@dataclass(frozen=True, slots=True)
class _Side:
    """One of the two: its name, the folder of its evaluations, shards that it was evaluated on; of
    a version the digest of those shards, the evaluators and the settings, and the losses of its
    training: metric -> [[step, value], ...]; None of a folder."""

    name: str
    folder: Path
    shards: Path | None = None
    evaluated_on: str = ""
    curves: Mapping[str, Any] | None = None


def _side(given: str, store: Path | None, fetched: Path) -> _Side:
    """Return a folder as it is; of a version what the gate kept, put into ``fetched``."""
    if Path(given).is_dir():
        return _Side(Path(given).resolve().name, Path(given))
    command = graph_command("pipelines.evaluations", given, "--out", str(fetched))
    command += ["--store", str(store)] if store is not None else []
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise typer.Exit(1)
    found = loads(done.stdout.splitlines()[-1])
    shards = found["shards"]
    folder = Path(shards) if shards else None
    return _Side(found["name"], fetched, folder, found["evaluated_on"], found["curves"])


def _trainings(
    sides: Sequence[_Side], names: Sequence[str]
) -> tuple[tuple[Curves, Curves], list[str]]:
    """Return the losses of both trainings, and a sentence on each that has none."""
    from unigs.comparison.curves import losses_of

    found: list[Curves] = []
    without = []
    for side, name in zip(sides, names, strict=True):
        if side.curves is None:
            curves, told = losses_of(side.folder, name)
        else:
            curves = side.curves
            told = "" if curves else f"No losses of the training of {name} are in MLflow."
        found.append(curves)
        without += [told] if told else []
    return (found[0], found[1]), without


def _names(first: Path, second: Path) -> list[str]:
    """The folders' names; with the parents' where those are the same."""
    ways = [path.resolve().parts for path in (first, second)]
    for depth in range(1, min(map(len, ways)) + 1):
        shown = ["/".join(parts[-depth:]) for parts in ways]
        if shown[0] != shown[1]:
            return shown
    return ["first", "second"]
