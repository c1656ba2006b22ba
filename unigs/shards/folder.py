"""Build a folder of pixel or latent shards: lock, reuse what is current, write the rest."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

import unigs
from unigs.errors import DataError
from unigs.io.files import sha256_of
from unigs.shards.manifest import (
    MANIFEST,
    PREVIOUS,
    RECORDS,
    SAMPLES,
    ShardManifest,
    ShardRecord,
    Skipped,
    read_manifest,
    read_record,
    shards_digest,
    write_manifest,
    write_sample_table,
)

LOCK = ".lock"

# A shard of any folder of ours, whatever its task and number.
_SHARD = re.compile(r"\w+-\d{5,}-of-\d{5,}\.tar")

# What `replacing` calls a file until it is whole: its name between a dot and a random end, that of
# `tempfile`. Other hidden files are somebody's.
LEFT_BEHIND = re.compile(r"\..+\.(tar|tar\.idx|json|parquet|safetensors)\.[a-z0-9_]{8}")


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


@dataclass(frozen=True, slots=True)
class Description:
    """What a manifest says beside its shards; ``files`` are those that belong to them."""

    configuration: dict[str, Any]
    sources: str
    scenes: int
    removed: tuple[str, ...]
    files: tuple[str, ...] = ()


def build_folder(
    folder: Path,
    before: ShardManifest | None,
    inputs: Mapping[str, str],
    write: Callable[[list[str]], None],
    columns: pa.Schema,
    describe: Callable[[list[dict[str, Any]]], Description],
) -> ShardManifest:
    """Bring a folder up to date, while it is `locked`, and write its tables.

    Shards of other names go, and so do files that the manifest before named and this one does not,
    and what killed builds left.

    Args:
        before: `manifest_before` of the folder.
        inputs: name of each shard -> digest of all that it is made from; a shard that was made
            from these and still has its bytes is left alone.
        write: writes the shards of some names, and their records (`write_record`).
        columns: of samples.parquet.
        describe: called with the records of all shards, in the order of the inputs.
    """
    found = {name: current_record(folder, name, digest) for name, digest in inputs.items()}
    cached = {name: record for name, record in found.items() if record is not None}
    todo = [name for name in inputs if name not in cached]
    if todo:
        set_manifest_aside(folder)
    write(todo)
    records: list[dict[str, Any]] = []
    for name in inputs:
        record = cached.get(name) or read_record(folder, name)
        if record is None:
            raise DataError("its record vanished", file=folder / name, hint="build again")
        records.append(record)
    description = describe(records)
    write_sample_table(folder, records, columns)
    shards = tuple(ShardRecord(**record["shard"]) for record in records if record["rows"])
    counts: dict[str, int] = {}
    for record in records:
        for name, number in record["counts"].items():
            counts[name] = counts.get(name, 0) + number
    manifest = ShardManifest(
        shards=shards,
        digest=shards_digest(shards),
        sources=description.sources,
        samples=sum(shard.samples for shard in shards),
        scenes=description.scenes,
        counts=dict(sorted(counts.items())),
        skipped=tuple(Skipped(**entry) for record in records for entry in record["skipped"]),
        removed=description.removed,
        configuration=description.configuration,
        code_version=unigs.__version__,
        files={name: sha256_of(folder / name) for name in (SAMPLES, *description.files)},
        built=tuple(todo),
        cached=tuple(cached),
        unread=tuple(key for record in records for key in record.get("unread", ())),
    )
    write_manifest(folder, manifest)
    sweep(folder, set(inputs), before, manifest)
    return manifest


def manifest_before(folder: Path) -> ShardManifest | None:
    """Return the manifest of the last build that ended, also when a later one was killed; None
    where there is none, it is broken or another version wrote it: what a build would take from it
    is found anew then."""
    for name in (MANIFEST, PREVIOUS):
        if (folder / name).exists():
            with contextlib.suppress(DataError):
                return read_manifest(folder, name)
    return None


def set_manifest_aside(folder: Path) -> None:
    """Take the manifest away before the first shard changes: it would no longer fit."""
    if (folder / MANIFEST).exists():
        os.replace(folder / MANIFEST, folder / PREVIOUS)


def current_record(folder: Path, name: str, inputs: str) -> dict[str, Any] | None:
    """Return the record of a shard that was made from ``inputs``, all of which could be read, and
    still has the bytes it was written with; None otherwise."""
    record = read_record(folder, name)
    if record is None or record.get("shard", {}).get("inputs") != inputs:
        return None
    if "skipped" not in record:
        return None  # of an earlier version
    if record.get("unread"):
        return None  # what is back since then belongs into it
    path = folder / name
    expected = record["shard"]["sha256"] if record["rows"] else ""
    return record if sha256_of(path) == expected else None


def is_shard_name(name: str) -> bool:
    """Return whether a file is called as shards are: no side file of another tool, nothing
    hidden."""
    return _SHARD.fullmatch(name) is not None


def sweep(folder: Path, names: set[str], before: ShardManifest | None, now: ShardManifest) -> None:
    """Remove shards and records that are not among ``names``, files that belonged to the shards
    before and do not now, and what killed builds left."""
    for path in folder.glob("*.tar"):
        if path.name not in names and is_shard_name(path.name):
            path.unlink()
    for name in set(before.files if before else ()) - set(now.files):
        (folder / name).unlink(missing_ok=True)
    for path in (folder / RECORDS).glob("*.json"):
        if path.stem not in names:
            path.unlink()
    for path in (*folder.glob(".*"), *(folder / RECORDS).glob(".*")):
        if LEFT_BEHIND.fullmatch(path.name):
            path.unlink()
    (folder / PREVIOUS).unlink(missing_ok=True)
