"""What commands share: overrides of a preset; results on stdout, progress and errors on stderr."""

import json
import math
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
    """Return a value as JSON has it: null for what is no number, of which JSON has none."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value


def print_result(result: Mapping[str, Any], as_json: bool) -> None:
    """Print ``result`` on stdout: one JSON line with ``--json``, else ``key: value`` lines."""
    plain = _plain(result)
    if as_json:
        typer.echo(json.dumps(plain, allow_nan=False))
        return
    for key, value in plain.items():
        typer.echo(f"{key}: {value}")
