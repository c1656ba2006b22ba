"""Build an output folder once per set of inputs, and reuse it while they do not change.

A folder is built next to the finished one, in ``.NAME.building``, and replaces it when
complete: a build that fails or is cancelled leaves the finished folder as it was.
"""

import fcntl
import json
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from assets_defs.cache.records import (
    FORMAT,
    RECORD,
    STARTED,
    digests_of,
    files_of,
    fingerprint,
    is_complete,
    read_record,
    verify,
)
from unigs.errors import DataError
from unigs.io.files import replacing
from unigs.lineage.history import note_build

logger = logging.getLogger(__name__)

# Whatever writes them writes a new file and renames it, so that a link to one is as good as a copy.
_LINKED = ".tar"


@dataclass(frozen=True, slots=True)
class Built:
    """Result of a build: the digest of its content and its metadata.

    ``again``: not all inputs could be read; the next call builds again.
    """

    digest: str
    metadata: dict[str, Any] = field(default_factory=dict)
    again: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """An up-to-date folder. ``cached``: it was reused; ``seconds``: duration of the build."""

    folder: Path
    digest: str
    metadata: dict[str, Any]
    cached: bool
    seconds: float


def build_or_reuse(
    folder: Path,
    inputs: Mapping[str, Any],
    build: Callable[[Path, bool], Built],
    *,
    reads: Iterable[Path] = (),
    carry: bool = False,
    sealed: bool = False,
) -> Outcome:
    """Reuse ``folder`` if it was built from ``inputs``, else build it.

    ``build(place, resume)`` writes into a temporary folder while holding an exclusive lock; it
    replaces ``folder`` when complete, and its inputs are noted beside it (`unigs.lineage.history`).
    ``resume`` is true when the last build from the same inputs
    was interrupted and ``place`` holds its files. Files added or lost since the build make it run
    again.

    Args:
        reads: cached folders that ``build`` reads, which are verified before it begins.
        carry: ``place`` begins with the files of the finished folder, or with what any build that
            broke off left, for builds that take over what is unchanged.
        sealed: the folder holds a sealed manifest of shards; whoever reads it verifies it.

    Raises:
        DataError: checksum mismatch of a cached file or one that is read; a full disk.
    """
    key = fingerprint(**inputs)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _alone(folder):
            _end_swap(folder)
            record = _whole(folder, key)
            cached = record is not None
            if record is None:
                record = _build(folder, key, build, reads, carry, sealed)
            elif not sealed:
                verify([folder])
            note_build(folder, inputs, record)
            return _outcome(folder, record, cached=cached)
    except OSError as error:
        raise DataError(
            f"cannot write {folder}: {error.strerror or error}",
            hint="free some space or name another store with --store DIR",
        ) from error


def building_place(folder: Path) -> Path:
    """Return the temporary place of a folder while it is being built."""
    return folder.with_name(f".{folder.name}.building")


def _build(
    folder: Path,
    key: str,
    build: Callable[[Path, bool], Built],
    reads: Iterable[Path],
    carry: bool,
    sealed: bool,
) -> dict[str, Any]:
    place = building_place(folder)
    record = _whole(place, key)
    if record is None:
        verify(reads)
        resume = _prepare(place, folder, key, carry)
        begin = time.monotonic()
        built = build(place, resume)
        seconds = round(time.monotonic() - begin, 3)
        text = json.dumps(
            {
                "format": FORMAT,
                "fingerprint": key,
                "seconds": seconds,
                "sealed": sealed,
                # a sealed folder is digested by its manifest
                "files": dict.fromkeys(files_of(place), "") if sealed else digests_of(place),
                **asdict(built),
            },
            indent=1,
        )
        _write(place / RECORD, text)
        record = json.loads(text)
    # else the process that built it ended before the folder could take its place
    (place / STARTED).unlink(missing_ok=True)
    _swap(place, folder)
    return record


def _whole(folder: Path, key: str) -> dict[str, Any] | None:
    """Return the record of a folder that was built from the inputs of ``key`` and has all its
    files."""
    record = read_record(folder)
    if record is None or record["fingerprint"] != key or record.get("again"):
        return None
    if not is_complete(folder, record):
        return None
    return record


def _prepare(place: Path, finished: Path, key: str, carry: bool) -> bool:
    """Make the folder to build in; return whether a build from the same inputs was interrupted."""
    started = place / STARTED
    if started.is_file():
        resume = started.read_bytes() == key.encode()
        if resume or carry:
            # of a build that ended here without taking its place: what is built now is not it
            (place / RECORD).unlink(missing_ok=True)
            _write(started, key)
            return resume
    _remove(place)
    if carry and finished.is_dir():
        shutil.copytree(
            finished,
            place,
            ignore=shutil.ignore_patterns(RECORD, STARTED, ".lock"),
            copy_function=_take_over,
        )
    place.mkdir(exist_ok=True)
    _write(started, key)
    return False


def _take_over(source: str, target: str) -> None:
    if source.endswith(_LINKED):
        try:
            os.link(source, target)
            return
        except OSError:  # a file system without links
            pass
    shutil.copy2(source, target)


def _swap(place: Path, folder: Path) -> None:
    old = _replaced(folder)
    if folder.exists():
        folder.rename(old)
    place.rename(folder)
    _remove(old)


def _end_swap(folder: Path) -> None:
    """Roll back, or finish, a replacement during which a process died."""
    old = _replaced(folder)
    if old.is_dir() and not folder.exists():
        old.rename(folder)
    _remove(old)


def _replaced(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.replaced")


def _remove(folder: Path) -> None:
    if folder.is_dir() and not folder.is_symlink():
        shutil.rmtree(folder)
    else:
        # somebody's file where a folder belongs
        folder.unlink(missing_ok=True)


def _outcome(folder: Path, record: Mapping[str, Any], *, cached: bool) -> Outcome:
    return Outcome(folder, record["digest"], record["metadata"], cached, record["seconds"])


def _write(file: Path, text: str) -> None:
    with replacing(file) as partial:
        partial.write_text(text, encoding="utf-8")


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    with (folder.parent / f".{folder.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            logger.warning("%s is being built by another run: waiting for it", folder)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
