"""A store as one tar file: written with the digest of every member, placed only when all agree.

The last member, ``unigs-store.json``, lists name, size and SHA-256 of the others. Databases are
copied by SQLite itself, so that a copy is whole though somebody writes meanwhile.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import IO, Any

from unigs.errors import DataError
from unigs.io.files import writing
from unigs.remote.copy import COPIES

MANIFEST = "unigs-store.json"
FORMAT = 1
# Stages that a run builds again from the annotations; copies of buckets it fetches again.
DATA = ("raw", "shards", "latents")
_CHUNK = 1 << 20
# Of processes, or not finished.
_LEFT_OUT = re.compile(
    r"\..+\.(building|replaced|lock|pulse)|\.lock|\.nfs.*|.+\.db-(wal|shm|journal)|"
    r"\..+\.[a-z0-9_]{8}"
)
# How a file of SQLite begins.
_SQLITE = b"SQLite format 3\0"
# Which processes work on the store.
_WORKERS = ("dagster", "workers")


@dataclass(frozen=True, slots=True)
class Archive:
    """An archive: ``files`` of the store, their ``bytes``, and the ``digest`` of the list."""

    files: int
    bytes: int
    digest: str


def export_store(store: Path, file: Path, *, data: bool = True) -> Archive:
    """Write a store to a tar file.

    Args:
        data: with raw data, copies of buckets, shards and latents; without them a run makes them
            again.

    Raises:
        DataError: no store there, the file cannot be written, a database is damaged, or a run
            replaced something meanwhile.
    """
    if not store.is_dir() or not any(store.iterdir()):
        raise DataError("no store there", file=store, hint="give it with --store DIR")
    if file.resolve().is_relative_to(store.resolve()):
        raise DataError("lies in the store", file=file, hint="write it somewhere else")
    files: dict[str, dict[str, Any]] = {}
    with writing(file) as partial, tarfile.open(partial, "w", format=tarfile.PAX_FORMAT) as tar:
        for path in _members(store, data):
            name = path.relative_to(store).as_posix()
            try:
                with _content(path) as source:
                    files[name] = _add(tar, name, source, path)
            except sqlite3.DatabaseError as error:
                raise DataError(
                    f"cannot be copied: {error}", file=path,
                    hint="end the runs; if it is damaged, restore it or move it out of the store",
                ) from error  # fmt: skip
            except (FileNotFoundError, tarfile.TarError) as error:
                raise DataError(
                    f"changed while it was read ({error})", file=path, hint="end the runs first"
                ) from error
        listed = {"format": FORMAT, "files": files}
        text = json.dumps(listed, indent=1, sort_keys=True).encode()
        info = tarfile.TarInfo(MANIFEST)
        info.size = len(text)
        tar.addfile(info, BytesIO(text))
    return _archive(listed)


def import_store(file: Path, store: Path) -> Archive:
    """Unpack an archive as a store, after all of its members were compared with their digests.

    Raises:
        DataError: the place is not empty or cannot be written; a member is no plain file below the
            store, is missing, not listed, or has other bytes. Nothing is placed then.
    """
    if store.exists() and (not store.is_dir() or any(store.iterdir())):
        raise DataError("is not empty", file=store, hint="give a new folder with --store DIR")
    # A volume cannot be replaced as a folder can, and what is beside it is another disk.
    volume = store.is_dir() and os.path.ismount(store)
    try:
        beside = store if volume else store.parent
        beside.mkdir(parents=True, exist_ok=True)
        place = Path(tempfile.mkdtemp(prefix=f".{store.name}.", dir=beside))
    except OSError as error:
        raise DataError(f"cannot be written: {error.strerror or error}", file=store) from error
    try:
        archive = _unpacked(file, place)
        place.chmod(0o755)
        if volume:
            for path in place.iterdir():
                os.replace(path, store / path.name)
        else:
            os.replace(place, store)
    except (OSError, tarfile.TarError, EOFError) as error:
        raise DataError(f"cannot be unpacked: {error}", file=file) from error
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return archive


def _members(store: Path, data: bool) -> Iterator[Path]:
    for folder, folders, names in os.walk(store):
        below = Path(folder).relative_to(store).parts
        folders[:] = sorted(
            name
            for name in folders
            if not _LEFT_OUT.fullmatch(name)
            and (*below, name) != _WORKERS
            and (data or ((*below, name) != (COPIES,) and not (len(below) == 1 and name in DATA)))
        )
        for name in sorted(names):
            path = Path(folder, name)
            if not _LEFT_OUT.fullmatch(name) and path.is_file() and not path.is_symlink():
                yield path


def _content(path: Path) -> IO[bytes]:
    """Open a file, or a copy of a database as it is at one moment."""
    file = path.open("rb")
    # others' files have this suffix too, as Windows' Thumbs.db among photographs
    if path.suffix != ".db" or file.read(len(_SQLITE)) != _SQLITE:
        file.seek(0)
        return file
    file.close()
    copy = tempfile.NamedTemporaryFile(suffix=".db")  # noqa: SIM115 - the caller closes it
    address = f"{path.resolve().as_uri()}?mode=ro"
    with (
        closing(sqlite3.connect(address, uri=True, timeout=60)) as source,
        closing(sqlite3.connect(copy.name)) as target,
    ):
        source.backup(target)
        # it copies pages as they are, damaged ones too
        (answer,) = target.execute("PRAGMA quick_check(1)").fetchone()
    if answer != "ok":
        copy.close()
        raise sqlite3.DatabaseError(answer)
    return copy  # type: ignore[return-value]


class _Digesting:
    """A stream that takes the SHA-256 of what is read from it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self.digest = stream, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self.digest.update(data)
        return data


def _add(tar: tarfile.TarFile, name: str, source: IO[bytes], path: Path) -> dict[str, Any]:
    info = tarfile.TarInfo(name)
    info.size = os.fstat(source.fileno()).st_size
    info.mtime = path.stat().st_mtime
    stream = _Digesting(source)
    tar.addfile(info, stream)  # type: ignore[arg-type]
    return {"bytes": info.size, "sha256": stream.digest.hexdigest()}


def _unpacked(file: Path, place: Path) -> Archive:
    found: dict[str, dict[str, Any]] = {}
    listed: dict[str, Any] | None = None
    with tarfile.open(file, "r:") as tar:
        for member in tar:
            stream = tar.extractfile(member) if member.isreg() else None
            if stream is None or not _is_below(member.name) or member.name in found or listed:
                raise DataError("not a member of a store's archive", file=file, record=member.name)
            if member.name == MANIFEST:
                listed = _listed(file, stream.read())
                continue
            path = place / member.name
            path.parent.mkdir(parents=True, exist_ok=True)
            digesting = _Digesting(stream)
            with path.open("wb") as target:
                shutil.copyfileobj(digesting, target, _CHUNK)
            os.utime(path, (member.mtime, member.mtime))
            found[member.name] = {"bytes": member.size, "sha256": digesting.digest.hexdigest()}
    if listed is None:
        raise DataError(f"no {MANIFEST} in it", file=file, hint="it is cut off, or another tar")
    for name in sorted(found.keys() | listed["files"].keys()):
        if found.get(name) != listed["files"].get(name):
            raise DataError("checksum mismatch, missing or not listed", file=file, record=name)
    return _archive(listed)


def _listed(file: Path, text: bytes) -> dict[str, Any]:
    try:
        listed = json.loads(text)
        if listed["format"] == FORMAT and isinstance(listed["files"], dict):
            return listed
    except (ValueError, KeyError, TypeError):
        pass
    raise DataError("not the list of a store's archive", file=file, record=MANIFEST)


def _is_below(name: str) -> bool:
    """Return whether a member's name stays in the folder that it is unpacked in."""
    path = PurePosixPath(name)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts


def _archive(listed: dict[str, Any]) -> Archive:
    digest = hashlib.sha256(json.dumps(listed["files"], sort_keys=True).encode()).hexdigest()
    total = sum(entry["bytes"] for entry in listed["files"].values())
    return Archive(len(listed["files"]), total, digest)
