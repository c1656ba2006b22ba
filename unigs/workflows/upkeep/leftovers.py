"""What lies in a store and no record speaks of: broken builds, old shards, files half written."""

from __future__ import annotations

import fcntl
import json
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from unigs.errors import DataError
from unigs.lineage.history import ENDING, RECORD
from unigs.lineage.ledger import STAGES

# Of `assets_defs.support.build_cache`, which builds beside the finished folder.
_BESIDE = re.compile(r"\.(?P<name>.+)\.(?P<kind>building|replaced)")
# What `unigs.io.files` calls a file or a folder until it is whole.
_HALF_WRITTEN = re.compile(r"\..+\.[a-z0-9_]{8}")
_DAY = 86400.0


@dataclass(frozen=True, slots=True)
class Leftover:
    """Something that can go.

    Attributes:
        path: file or folder.
        why: what it is.
        bytes: what removing it frees.
    """

    path: Path
    why: str
    bytes: int


def find_leftovers(store: Path, days: float) -> list[Leftover]:
    """List what can go; nothing that a build holds, or that a record of a finished folder names.

    Args:
        days: a build that broke off, or a file half written, is left alone for so long: the next
            run may go on from it.

    Raises:
        DataError: no such folder.
    """
    if not store.is_dir():
        raise DataError("no such folder", file=store, hint="name the store with --store DIR")
    before = time.time() - days * _DAY
    found = [one for run in _runs(store) for one in _below(run, before)]
    return sorted(found, key=lambda one: one.path)


def remove(leftover: Leftover) -> bool:
    """Remove a leftover; return whether it could be: a build may have begun to use it."""
    path = leftover.path
    with _unheld(path) as free:
        if not free or not path.exists():
            return False
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    return True


def size_of(path: Path) -> int:
    """Return the bytes that removing a file or folder frees: a file with another name frees
    none."""
    files = [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
    states = (file.stat() for file in files)
    return sum(state.st_size for state in states if state.st_nlink == 1)


def _runs(store: Path) -> Iterator[Path]:
    """Folders of a data set and preset: those with the history of a build at their top, which
    folders of MLflow, Dagster and the lineage tables do not have."""
    for folder in sorted(path for path in store.iterdir() if path.is_dir()):
        if any(folder.glob(f".*{ENDING}")):
            yield folder


def _below(run: Path, before: float) -> Iterator[Leftover]:
    waiting = [run]
    while waiting:
        folder = waiting.pop()
        for path in sorted(folder.iterdir()):
            if left := _beside(path, before):
                yield left
            elif path.name.startswith(".") or not path.is_dir():
                continue
            elif (path / RECORD).is_file():
                yield from _unrecorded(path, before)
            elif folder == run and path.name not in STAGES:
                continue  # somebody's
            elif any(path.rglob(RECORD)) or any(map(_is_beside, path.rglob(".*"))):
                waiting.append(path)
            elif any(path.iterdir()) and path.stat().st_mtime < before:
                yield Leftover(path, "no record of it", size_of(path))


def _is_beside(path: Path) -> bool:
    return _BESIDE.fullmatch(path.name) is not None


def _beside(path: Path, before: float) -> Leftover | None:
    """What a build or a write left beside what it is of."""
    named = _BESIDE.fullmatch(path.name)
    if named is not None and path.is_dir():
        with _unheld(path) as free:
            if named["kind"] == "replaced":
                # the only one, where the swap broke off between its two steps
                old = path.with_name(named["name"]).exists()
            else:
                old = _newest(path) < before
            if free and old:
                return Leftover(path, "a build that broke off", size_of(path))
        return None
    if _HALF_WRITTEN.fullmatch(path.name) and path.stat().st_mtime < before:
        return Leftover(path, "half written", size_of(path))
    return None


def _unrecorded(folder: Path, before: float) -> Iterator[Leftover]:
    """Shards in a finished folder that its record does not name, and files half written."""
    try:
        listed = set(json.loads((folder / RECORD).read_text("utf-8"))["files"])
    except (OSError, ValueError, KeyError, TypeError):
        return  # damaged: the next run sees to it
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.name.startswith("."):
            if left := _beside(path, before):
                yield left
        elif path.suffix == ".tar" and name not in listed and path.stat().st_mtime < before:
            yield Leftover(path, "a shard that its manifest does not name", size_of(path))


def _newest(folder: Path) -> float:
    """Return when something was last written in a folder, in seconds since 1970."""
    return max(each.lstat().st_mtime for each in (folder, *folder.rglob("*")))


@contextmanager
def _unheld(path: Path) -> Iterator[bool]:
    """Hold the lock of the build that a leftover is of, for the block; whether it was free."""
    named = _BESIDE.fullmatch(path.name)
    if named is None:
        yield True
        return
    with path.with_name(f".{named['name']}.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
