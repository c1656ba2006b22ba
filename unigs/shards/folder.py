"""The life of a folder of shards around one build: lock, what was there before, sweeping up."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from unigs.errors import DataError
from unigs.shards.manifest import (
    MANIFEST,
    PREVIOUS,
    RECORDS,
    ShardManifest,
    read_manifest,
    read_record,
)
from unigs.shards.tar import sha256_of

LOCK = ".lock"

# What `replacing` calls a file until it is whole: its name between a dot and a random end.
LEFT_BEHIND = re.compile(r"\..+\.(tar|json|parquet|safetensors)\.[^.]+")


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder for one build; the lock ends with the process, however it ends.

    Raises DataError when the folder cannot be made or written, or another build holds it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / LOCK).open("w")
    except OSError as error:
        raise DataError(
            f"cannot be written: {error.strerror or error}", file=folder, hint="give another folder"
        ) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise DataError(
                "another build is at work here", file=folder, hint="wait for it to end"
            ) from error
        yield


def manifest_before(folder: Path) -> ShardManifest | None:
    """The manifest of the last build that ended, also when a later one was killed."""
    for name in (MANIFEST, PREVIOUS):
        if (folder / name).exists():
            return read_manifest(folder, name)
    return None


def set_manifest_aside(folder: Path) -> None:
    """Take the manifest away before the first shard changes: it would no longer fit."""
    if (folder / MANIFEST).exists():
        os.replace(folder / MANIFEST, folder / PREVIOUS)


def current_record(folder: Path, name: str, inputs: str) -> dict[str, Any] | None:
    """The record of a shard that was made from ``inputs`` and still has the bytes it was written
    with; None otherwise."""
    record = read_record(folder, name)
    if record is None or record.get("shard", {}).get("inputs") != inputs:
        return None
    path = folder / name
    expected = record["shard"]["sha256"] if record["rows"] else ""
    return record if sha256_of(path) == expected else None


def sweep(folder: Path, names: set[str]) -> None:
    """Remove shards and records that are not among ``names``, and what killed builds left."""
    for path in folder.glob("*.tar"):
        if path.name not in names:
            path.unlink()
    for path in (folder / RECORDS).glob("*.json"):
        if path.stem not in names:
            path.unlink()
    for path in (*folder.glob(".*"), *(folder / RECORDS).glob(".*")):
        if LEFT_BEHIND.match(path.name):
            path.unlink()
    (folder / PREVIOUS).unlink(missing_ok=True)
