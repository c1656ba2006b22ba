"""`unigs doctor`: what may go wrong here, before it does."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from unigs.cli.output import print_result

EXAMPLES = (
    "unigs doctor",
    "unigs doctor --store /data/store --json",
)


def doctor(
    store: Annotated[
        Path | None, typer.Option(help="Store folder; default: $UNIGS_STORE, else ./store.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Look at Python, packages, machine, services, weights and store; exit with 1 on a fault."""
    from rich.console import Console
    from rich.table import Table

    from unigs.workflows.doctor.finding import State
    from unigs.workflows.doctor.machine import machine_findings
    from unigs.workflows.doctor.packages import lock_findings, package_findings
    from unigs.workflows.doctor.services import service_findings
    from unigs.workflows.doctor.store import store_findings
    from unigs.workflows.doctor.weights import weight_findings

    place = store or Path(os.environ.get("UNIGS_STORE") or "store")
    found = [
        *package_findings(),
        *lock_findings(),
        *machine_findings(place),
        *service_findings(),
        *weight_findings(),
        *store_findings(place),
    ]
    if as_json:
        print_result({"findings": [one.record() for one in found]}, as_json=True)
    else:
        table = Table("what", "state", "meaning", box=None)
        for one in found:
            table.add_row(one.what, one.state, one.hint)
        Console().print(table)
    if any(one.state is State.FAULT for one in found):
        raise typer.Exit(1)
