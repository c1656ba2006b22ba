"""One shard: a tar whose bytes depend on nothing but its members, and where they lie in it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from unigs.errors import DataError
from unigs.io.files import replacing

BLOCK = tarfile.BLOCKSIZE


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


def member_header(name: str, size: int) -> bytes:
    """The tar header of a member: USTAR, mode 0644, no owner, time 0."""
    info = tarfile.TarInfo(name)
    info.size = size
    info.mode = 0o644
    try:
        return info.tobuf(tarfile.USTAR_FORMAT)
    except ValueError as error:
        raise DataError(f"name does not fit a tar: {error}", record=name) from error


def padding(size: int, block: int = BLOCK) -> bytes:
    """Zeros up to the next full block."""
    return bytes(-size % block)


def write_shard(path: Path, samples: Iterable[tuple[str, dict[str, bytes]]]) -> ShardFile:
    """Write (key, extension -> bytes) in the order given; the file appears whole or not at all.

    Raises DataError when the folder cannot be written or the disk is full.
    """
    members: list[Member] = []
    digest = hashlib.sha256()
    position = 0
    with writing(path) as partial, partial.open("wb") as file:

        def put(data: bytes) -> None:
            nonlocal position
            file.write(data)
            digest.update(data)
            position += len(data)

        for key, files in samples:
            for extension, data in files.items():
                put(member_header(f"{key}.{extension}", len(data)))
                member_digest = sha256_of(data)
                members.append(Member(key, extension, position, len(data), member_digest))
                put(data)
                put(padding(len(data)))
        put(bytes(2 * BLOCK))
        put(padding(position, tarfile.RECORDSIZE))
        file.flush()
        os.fsync(file.fileno())
    return ShardFile(path.name, digest.hexdigest(), position, tuple(members))


@contextlib.contextmanager
def writing(path: Path) -> Iterator[Path]:
    """`replacing`, with DataError in place of OSError: disk full, folder not writable."""
    try:
        with replacing(path) as partial:
            yield partial
    except OSError as error:
        raise DataError(
            f"cannot be written: {error.strerror or error}",
            file=path,
            hint="free space or give another folder, then build again: finished shards are kept",
        ) from error


def sha256_of(content: Path | bytes) -> str:
    """SHA-256 (hex) of bytes, or of a file's; "" for a file that cannot be read."""
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest()
    try:
        with content.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""
