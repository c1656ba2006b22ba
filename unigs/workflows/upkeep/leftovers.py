"""What lies in a store and no record speaks of: broken builds, old shards, files half written,
copies of buckets.

A build may begin at any moment. What is listed is therefore looked at again before it goes, under
the lock that the build of its folder takes.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from unigs.errors import DataError
from unigs.io.files import sha256_of
from unigs.lineage.build_graph import STAGES
from unigs.lineage.history import ENDING, RECORD
from unigs.remote.copy import COPIES, copy_folder

# Of `assets_defs.cache.build`, which builds beside the finished folder.
_BESIDE = re.compile(r"\.(?P<name>.+)\.(?P<kind>building|replaced)")
# What `unigs.io.files` calls a file or a folder until it is whole.
_HALF_WRITTEN = re.compile(r"\..+\.[a-z0-9_]{8}")
_DAY = 86400.0


# Entries, the newest change in ns, digests of the records of the folders around it.
State = tuple[int, int, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Leftover:
    """Something that can go.

    Attributes:
        path: file or folder.
        why: what it is.
        bytes: what removing it frees.
        places: the folders whose builds would replace it, the innermost first; none for what lies
            at the top of a run.
        state: how it looked when it was listed (`_state`).
    """

    path: Path
    why: str
    bytes: int
    places: tuple[Path, ...]
    state: State


def find_leftovers(store: Path, days: float) -> list[Leftover]:
    """List what can go; nothing that a build holds, or that a record of a finished folder names.

    Args:
        days: a build that broke off, a file half written, or a copy of a bucket is left alone for
            so long: the next run may go on from it.

    Raises:
        DataError: no such folder.
    """
    if not store.is_dir():
        raise DataError("no such folder", file=store, hint="name the store with --store DIR")
    before = time.time() - days * _DAY
    found = [one for run in _runs(store) for one in _below(run, before)]
    found += _unread_copies(store, before)
    return sorted(found, key=lambda one: one.path)


def remove(leftover: Leftover) -> bool:
    """Remove a leftover; return whether it could be: not when a build is at work on its folder, or
    has been since it was listed."""
    path = leftover.path
    with ExitStack() as locks:
        if not all(locks.enter_context(_unheld(place)) for place in leftover.places):
            return False
        if _state(path, leftover.places) != leftover.state:
            return False
        # Under the locks it only leaves its place. That name is one of a file half written, so that
        # another collection takes away what a kill leaves of it.
        aside = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
        os.replace(path, aside / "gone")
    shutil.rmtree(aside)
    return True


def size_of(*paths: Path) -> int:
    """Return the bytes that removing files and folders, all of them, frees: a file that has another
    name elsewhere frees none."""
    files = [
        each
        for path in paths
        for each in ([path] if path.is_file() else path.rglob("*"))
        if each.is_file()
    ]
    states = [file.stat() for file in files]
    names = Counter((state.st_dev, state.st_ino) for state in states)
    # one of them stands for the file
    last = {(state.st_dev, state.st_ino): state for state in states}
    return sum(state.st_size for file, state in last.items() if state.st_nlink == names[file])


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
            if left := _beside(path, run, before):
                yield left
            elif path.name.startswith(".") or not path.is_dir():
                continue
            elif (path / RECORD).is_file():
                yield from _unrecorded(path, run, before)
            elif folder == run and path.name not in STAGES:
                continue  # somebody's
            elif _has_builds(path):
                waiting.append(path)
            elif _newest(path) < before:
                yield _leftover(path, "no record of it", path, run)


def _has_builds(folder: Path) -> bool:
    """Return whether a folder of a stage is one of other folders, not of what was built."""
    return (
        all(path.is_dir() for path in folder.iterdir() if not path.name.startswith("."))
        or any(folder.rglob(RECORD))
        or any(map(_is_beside, folder.rglob(".*")))
        or any(folder.rglob(".*.lock"))
    )


def _is_beside(path: Path) -> bool:
    return _BESIDE.fullmatch(path.name) is not None


def _beside(path: Path, run: Path, before: float) -> Leftover | None:
    """What a build or a write left beside what it is of."""
    named = _BESIDE.fullmatch(path.name)
    if named is not None and path.is_dir():
        place = path.with_name(named["name"])
        with _unheld(place) as free:
            # of a swap that broke off between its two steps it is the only one
            old = place.exists() if named["kind"] == "replaced" else _newest(path) < before
            if free and old:
                return _leftover(path, "a build that broke off", place, run)
        return None
    if _HALF_WRITTEN.fullmatch(path.name) and path.stat().st_mtime < before:
        return _leftover(path, "half written", path.parent, run)
    return None


def _unrecorded(folder: Path, run: Path, before: float) -> Iterator[Leftover]:
    """Shards in a finished folder that its record does not name, and files half written."""
    try:
        listed = set(json.loads((folder / RECORD).read_text("utf-8"))["files"])
    except (OSError, ValueError, KeyError, TypeError):
        return  # damaged: the next run sees to it
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.name.startswith("."):
            if left := _beside(path, run, before):
                yield left
        elif path.suffix == ".tar" and name not in listed and path.stat().st_mtime < before:
            yield _leftover(path, "a shard that its manifest does not name", folder, run)


def _leftover(path: Path, why: str, place: Path, run: Path) -> Leftover:
    inside = [folder for folder in (place, *place.parents) if folder.is_relative_to(run)]
    return _listed(path, why, tuple(inside[:-1]))


def _unread_copies(store: Path, before: float) -> list[Leftover]:
    """Copies of buckets that no data set of the store is read from, and that no run asked for since
    ``before``; and what a collection that was killed set aside of one."""
    read = set()
    for record in store.glob(f"*/raw/{RECORD}"):
        try:
            root = str(json.loads(record.read_text("utf-8"))["metadata"]["root"])
        except (OSError, ValueError, KeyError, TypeError):
            continue  # a generated data set, or a damaged record
        read.add(copy_folder(store, root, record.parent.parent.name))
    found: list[Leftover] = []
    for copy in sorted(path for path in (store / COPIES).glob("*") if path.is_dir()):
        places = () if copy.name.startswith(".") else (copy,)
        with ExitStack() as locks:
            free = all(locks.enter_context(_unheld(place)) for place in places)
            if free and copy not in read and _newest(copy) < before:
                why = "a copy of a bucket that no data set is read from"
                # of files that unread copies share, the last one that goes frees the bytes
                unread = [one.path for one in found]
                freed = size_of(*unread, copy) - size_of(*unread)
                found.append(Leftover(copy, why, freed, places, _state(copy, places)))
    return found


def _listed(path: Path, why: str, places: tuple[Path, ...]) -> Leftover:
    return Leftover(path, why, size_of(path), places, _state(path, places))


def _state(path: Path, places: tuple[Path, ...]) -> State:
    """Return what a build of one of ``places`` would change; no entries when ``path`` is gone."""
    try:
        found = [each.lstat().st_mtime_ns for each in (path, *path.rglob("*"))]
    except FileNotFoundError:
        return 0, 0, ()
    records = (place / RECORD for place in places)
    return len(found), max(found), tuple(sha256_of(record) for record in records)


def _newest(folder: Path) -> float:
    """Return when something was last written in a folder, in seconds since 1970."""
    return max(each.lstat().st_mtime for each in (folder, *folder.rglob("*")))


@contextmanager
def _unheld(place: Path) -> Iterator[bool]:
    """Hold the lock that the build of a folder takes, for the block; whether it was free."""
    with place.with_name(f".{place.name}.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
