"""What commands share: overrides of a preset; results on stdout, progress and errors on stderr."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="A setting of the preset, e.g. training.batch_size=8 or checkpoint=DIR; repeatable.",
    ),
]


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} has no JSON form")


def print_result(result: Mapping[str, Any], as_json: bool) -> None:
    """Print ``result`` on stdout: one JSON line with ``--json``, else ``key: value`` lines."""
    if as_json:
        typer.echo(json.dumps(result, default=_plain, sort_keys=False))
        return
    for key, value in result.items():
        typer.echo(f"{key}: {value}")
