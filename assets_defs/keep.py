"""Build an output folder once for the same inputs, and keep it for as long as they stay the same.

Beside what a stage writes stands ``kept.json``: the fingerprint of everything the folder follows
from (code version, settings, digests of its inputs), its digest and its metadata. It is written
last, so a folder whose build died is built again.
"""

import fcntl
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from unigs.errors import DataError

RECORD = "kept.json"
STARTED = "started"


@dataclass(frozen=True, slots=True)
class Built:
    """What a build hands back: the digest of its content and what the graph shows of it."""

    digest: str
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A folder that is up to date. ``kept``: it already was; ``seconds``: the build took."""

    folder: Path
    digest: str
    metadata: dict[str, Any]
    kept: bool
    seconds: float


def fingerprint(**inputs: Any) -> str:
    """SHA-256 over ``inputs`` as JSON; values that are no JSON are an error."""
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


def build_or_reuse(
    folder: Path, inputs: Mapping[str, Any], build: Callable[[Path, bool], Built]
) -> Outcome:
    """``folder`` as ``build`` makes it from ``inputs``, without building when it already is.

    ``build(folder, resume)`` writes into the folder, which it alone does for the time; ``resume``
    says that the last build from these very inputs broke off. Files that were added or lost since
    the build make it run again. A full disk is a :class:`~unigs.errors.DataError`.
    """
    key = fingerprint(**inputs)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(folder):
            record = _read(folder / RECORD)
            if record and record["fingerprint"] == key and record["files"] == _files(folder):
                return Outcome(
                    folder, record["digest"], record["metadata"], True, record["seconds"]
                )
            return _build(folder, key, build)
    except OSError as error:
        raise DataError(
            f"cannot write {folder}: {error.strerror or error}",
            hint="free some space or name another store with --store DIR",
        ) from error


def _build(folder: Path, key: str, build: Callable[[Path, bool], Built]) -> Outcome:
    started = folder / STARTED
    resume = started.is_file() and started.read_text(encoding="utf-8") == key
    (folder / RECORD).unlink(missing_ok=True)
    begin = time.monotonic()
    _write(started, key)
    built = build(folder, resume)
    seconds = round(time.monotonic() - begin, 3)
    started.unlink()
    content = {"fingerprint": key, "seconds": seconds, "files": _files(folder)}
    text = json.dumps({**content, **asdict(built)}, indent=1)
    _write(folder / RECORD, text)
    return Outcome(folder, built.digest, json.loads(text)["metadata"], False, seconds)


def built_digest(folder: Path) -> str:
    """The digest of a folder that is up to date; :class:`~unigs.errors.DataError` when it is not
    built yet."""
    return build_record(folder)["digest"]


def build_record(folder: Path) -> dict[str, Any]:
    """The whole record beside a folder's content."""
    record = _read(folder / RECORD)
    if record is None:
        raise DataError(f"{folder} is not built yet", hint="materialise its asset first")
    return record


def _read(file: Path) -> dict[str, Any] | None:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _write(file: Path, text: str) -> None:
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
        os.replace(name, file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _files(folder: Path) -> dict[str, int]:
    return {
        str(path.relative_to(folder)): path.stat().st_size
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in (RECORD, STARTED) and path.name[0] != "."
    }


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    with (folder.parent / f".{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
