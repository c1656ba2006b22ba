"""A store's records against its folders, and its databases."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from unigs.errors import DataError
from unigs.io.side_files import files_below
from unigs.lineage.history import RECORD
from unigs.workflows.doctor.finding import Finding, State

_BUILDING = ".*.building"
_SHOWN = 3


def store_findings(store: Path) -> Iterator[Finding]:
    """Look at a store; contents are not read (`unigs run` verifies what it uses)."""
    if not store.is_dir():
        yield Finding("store", State.OK, f"none at {store} yet: unigs run makes it")
        return
    records = sorted(store.glob(f"*/**/{RECORD}"))
    broken = [fault for record in records if (fault := _fault(record))]
    for fault in broken[:_SHOWN]:
        yield Finding("store", State.FAULT, f"{fault}: the next unigs run builds it again")
    if len(broken) > _SHOWN:
        yield Finding("store", State.FAULT, f"{len(broken) - _SHOWN} more folders are damaged")
    if not broken:
        yield Finding("store", State.OK, f"{len(records)} folders as their records say at {store}")
    left = sorted(path for path in store.glob(f"*/**/{_BUILDING}") if path.is_dir())
    if left:
        names = ", ".join(str(path.relative_to(store)) for path in left[:_SHOWN])
        hint = f"{len(left)} builds were interrupted ({names})"
        yield Finding("store", State.WARNING, f"{hint}: the next run resumes or replaces them")
    databases = sorted(store.rglob("*.db"))
    faults = [fault for database in databases if (fault := _database_fault(database))]
    yield from (Finding("database", State.FAULT, fault) for fault in faults)
    if databases and not faults:
        yield Finding("databases", State.OK, f"all {len(databases)} are whole")


def _fault(record: Path) -> str | None:
    """What is wrong with the folder of a record; None where nothing is."""
    folder = record.parent
    try:
        listed = set(json.loads(record.read_text("utf-8"))["files"])
    except (OSError, ValueError, KeyError, TypeError):
        return f"{record}: no record"
    try:
        names = {path.relative_to(folder).as_posix() for path in files_below(folder)}
    except DataError as error:
        return str(error)
    missing = sorted(listed - names)
    return f"{folder}: lost {', '.join(missing[:_SHOWN])}" if missing else None


def _database_fault(path: Path) -> str | None:
    try:
        address = f"{path.resolve().as_uri()}?mode=ro"
        with closing(sqlite3.connect(address, uri=True, timeout=5)) as connection:
            (answer,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        return f"{path} does not open: {error}"
    return None if answer == "ok" else f"{path} is damaged ({answer}): restore it from a copy"
