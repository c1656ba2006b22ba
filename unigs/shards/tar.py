"""One shard: a tar whose bytes depend only on its members, and their offsets in it."""

from __future__ import annotations

import hashlib
import os
import re
import tarfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from unigs.errors import DataError
from unigs.io.files import sha256_of, writing

BLOCK = tarfile.BLOCKSIZE
MODE = 0o644

# webdataset takes everything after the first dot for the extension, and paths that leave the
# folder they are unpacked in are not allowed.
_KEY = re.compile(r"[^\s.\\/][^\s.\\]*")


@dataclass(frozen=True, slots=True)
class Member:
    """A file in a shard: ``{key}.{extension}``; ``offset`` and ``size`` of its bytes."""

    key: str
    extension: str
    offset: int
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class ShardFile:
    """A shard that was written: SHA-256 and size of the whole file."""

    name: str
    sha256: str
    bytes: int
    members: tuple[Member, ...]

    def members_by_key(self) -> dict[str, list[dict[str, Any]]]:
        """Return the members as JSON values without their key, grouped by it in file order."""
        grouped: dict[str, list[dict[str, Any]]] = {}
        for member in self.members:
            row = asdict(member)
            grouped.setdefault(row.pop("key"), []).append(row)
        return grouped


def member_header(name: str, size: int) -> bytes:
    """Return the tar header of a member: USTAR, mode 0644, no owner, time 0.

    Raises DataError for a name that USTAR cannot hold: more than 100 bytes without a folder.
    """
    info = tarfile.TarInfo(name)
    info.size = size
    info.mode = MODE
    try:
        return info.tobuf(tarfile.USTAR_FORMAT)
    except ValueError as error:
        raise DataError(f"name does not fit a tar: {error}", record=name) from error


def check_names(key: str, extensions: Iterable[str]) -> None:
    """Raise DataError where a tar cannot hold a sample of this key, or readers would take its key
    for another."""
    if not _KEY.fullmatch(key):
        raise DataError("key holds a dot, a blank or a backslash, or is a path", record=key)
    for extension in extensions:
        member_header(f"{key}.{extension}", 0)


def padding(size: int) -> bytes:
    """Zeros up to the next full block."""
    return bytes(-size % BLOCK)


class _Digesting:
    """A file to write to that knows the SHA-256 and the number of the bytes it was given."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.sha256 = hashlib.sha256()
        self.bytes = 0

    def write(self, data: bytes) -> int:
        self.sha256.update(data)
        self.bytes += len(data)
        return self._file.write(data)


def write_shard(path: Path, samples: Iterable[tuple[str, dict[str, bytes]]]) -> ShardFile:
    """Write (key, extension -> bytes), samples in the order given and their files sorted by
    extension; the file is written atomically.

    Raises DataError when the folder cannot be written, the disk is full, or a name does not fit.
    """
    # Here and not above: it imports torch, which builds that keep every shard can do without.
    from webdataset import TarWriter

    members: list[Member] = []
    with writing(path) as partial, partial.open("wb") as file:
        stream = _Digesting(file)
        with TarWriter(stream, user="", group="", mode=MODE, mtime=0, encoder=False) as tar:
            # The writer takes a format as well and does not pass it on to its tar (1.0.2).
            tar.tarstream.format = tarfile.USTAR_FORMAT
            for key, files in samples:
                check_names(key, files)
                for extension, data in sorted(files.items()):
                    offset = tar.tarstream.offset + BLOCK
                    tar.write({"__key__": key, extension: data})
                    members.append(Member(key, extension, offset, len(data), sha256_of(data)))
        file.flush()
        os.fsync(file.fileno())
    return ShardFile(path.name, stream.sha256.hexdigest(), stream.bytes, tuple(members))
