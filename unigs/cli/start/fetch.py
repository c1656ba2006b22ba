"""`unigs fetch`: weights and data sets from where they are published."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from unigs.cli.output import print_result
from unigs.cli.shared.volume import is_quiet
from unigs.errors import ConfigError

Progress = Callable[[int, int | None], None]

EXAMPLES = (
    "unigs fetch taesd",
    "unigs fetch coco --split val --out data/coco",
)


def fetch(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="What to fetch; leave it out for a list.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder; default: data/NAME, for models the Hub's cache."),
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="Of a data set: photographs of this split alone.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Download weights or a data set from its publisher and show its licence; resumes."""
    from unigs.workflows.fetch.catalog import source_named
    from unigs.workflows.fetch.fetch import fetch as fetch_source

    if name is None:
        _list(json)
        return
    source = source_named(name)
    if source.hub is not None and split is not None:
        raise ConfigError(f"{name} has no splits", hint="leave --split out")
    if source.by_hand is None:
        _say(f"{name}: {source.what}\nlicence: {source.licence}\nfrom: {source.page}", always=True)
    folder = out or (None if source.hub else Path("data", name))
    place = fetch_source(source, folder, split, say=_say, progress=_progress)
    use = source.use.format(place=place)
    result = {"name": name, "place": str(place), "licence": source.licence, "use": use}
    if json:
        print_result(result, as_json=True)
    else:
        typer.echo(f"{place}\nnext: {use}")


def _list(as_json: bool) -> None:
    from rich.console import Console
    from rich.table import Table

    from unigs.workflows.fetch.catalog import SOURCES

    if as_json:
        known = {
            name: {"what": one.what, "licence": one.licence, "page": one.page}
            for name, one in SOURCES.items()
        }
        print_result({"sources": known}, as_json=True)
        return
    table = Table("name", "what", "licence", box=None)
    for name, one in SOURCES.items():
        table.add_row(name, one.what, one.licence)
    Console().print(table)


def _say(line: str, always: bool = False) -> None:
    if always or not is_quiet():
        print(line, file=sys.stderr)


def _progress(name: str) -> Progress:
    from tqdm import tqdm

    bar = tqdm(desc=name, unit="B", unit_scale=True, file=sys.stderr)

    def tell(arrived: int, whole: int | None) -> None:
        bar.total = whole
        bar.update(arrived - bar.n)

    return tell
