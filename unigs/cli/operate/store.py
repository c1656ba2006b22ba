"""`unigs store`: what can go from a store, and a store as one file."""

from __future__ import annotations

import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from unigs.cli.output import print_result
from unigs.cli.run_options import RunStore, store_folder
from unigs.cli.shared.examples import examples
from unigs.cli.shared.graph import graph_command, require_store

store = typer.Typer(help="Free space in a store, back it up, restore it.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]


@store.command(
    epilog=examples("unigs store gc", "unigs store gc --keep 1 --days 0 --delete"),
)
def gc(
    store: RunStore = None,
    days: Annotated[
        float, typer.Option(min=0, help="Keep interrupted builds that are younger, in days.")
    ] = 7.0,
    keep: Annotated[int, typer.Option(min=0, help="Newest versions of each model to keep.")] = 3,
    delete: Annotated[bool, typer.Option("--delete", help="Remove what is listed.")] = False,
    json: Json = False,
) -> None:
    """List what no record needs and how much space it takes; nothing is removed without --delete.
    The champion, the one before it and what records name always stay."""
    require_store(store)
    command = graph_command("pipelines.garbage", f"--days={days}", f"--keep={keep}")
    command += ["--store", str(store_folder(store))]
    command += ["--delete"] if delete else []
    command += ["--json"] if json else []
    raise typer.Exit(1 if subprocess.run(command, check=False).returncode else 0)


@store.command(
    "export",
    epilog=examples(
        "unigs store export backup.tar",
        "unigs store export backup.tar --store store --without-data",
    ),
)
def export_(
    file: Annotated[Path, typer.Argument(help="Tar file to write.")],
    store: RunStore = None,
    without_data: Annotated[
        bool, typer.Option("--without-data", help="Leave out what a run builds again: raw, shards.")
    ] = False,
    json: Json = False,
) -> None:
    """Write a store to one tar file, with the checksum of every file in it."""
    from unigs.workflows.upkeep.archive import export_store

    archive = export_store(store_folder(store), file, data=not without_data)
    print_result({"archive": str(file), **asdict(archive)}, as_json=json)


@store.command(
    "import",
    epilog=examples(
        "unigs store import backup.tar --store restored",
        "unigs store import backup.tar --store restored --json",
    ),
)
def import_(
    file: Annotated[Path, typer.Argument(help="Tar file that `unigs store export` wrote.")],
    store: RunStore = None,
    json: Json = False,
) -> None:
    """Unpack an exported store into a new folder and verify the checksum of every file."""
    from unigs.workflows.upkeep.archive import import_store

    place = store_folder(store)
    archive = import_store(file, place)
    print_result({"store": str(place), **asdict(archive)}, as_json=json)
