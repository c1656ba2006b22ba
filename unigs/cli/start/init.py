"""`unigs init`: a folder to train on a data set of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unigs.cli.output import print_result

EXAMPLES = (
    "unigs init mine",
    "unigs init mine --scenes 100 --json",
)


def init(
    folder: Annotated[Path, typer.Argument(help="New or empty folder.")],
    scenes: Annotated[int, typer.Option(min=4, help="Training scenes of the example data.")] = 40,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Create a project: preset, example data to replace with yours, README with the commands."""
    from unigs.workflows.project import make_project

    files = make_project(folder, scenes)
    if json:
        print_result({"folder": str(folder), "files": files}, as_json=True)
        return
    typer.echo(f"{folder}: {', '.join(files)}")
    typer.echo(f"next: cd {folder} && {(folder / 'README.md').read_text().split('```')[1].strip()}")
