"""What `unigs promote` and `unigs rollback` share: they start the process that knows MLflow."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Annotated

import typer

from unigs.cli.shared.graph import graph_command, require_store

Model = Annotated[
    str | None,
    typer.Option(help="Registered model, as in MLflow; not needed where the store has one."),
]
Store = Annotated[
    Path | None, typer.Option(help="Store folder; default: $UNIGS_STORE, else ./store.")
]
Reason = Annotated[str, typer.Option(help="Noted in the history of champions.")]


def change_champion(
    action: list[str], model: str | None, store: Path | None, reason: str, as_json: bool
) -> None:
    """Run ``python -m pipelines.champion`` and end with its exit code."""
    require_store(store)
    command = graph_command("pipelines.champion", *action)
    command += ["--model", model] if model is not None else []
    command += ["--store", str(store)] if store is not None else []
    command += ["--reason", reason] if reason else []
    command += ["--json"] if as_json else []
    raise typer.Exit(1 if subprocess.run(command, check=False).returncode else 0)
