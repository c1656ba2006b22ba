"""Read shards sequentially and verify their checksums meanwhile.

webdataset takes the tars apart, on this machine or straight from a bucket. Nothing of a sample is
handed out before each of its files has the digest that was written down for it.
"""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from unigs.errors import DataError
from unigs.io.files import sha256_of
from unigs.remote.address import CHUNK
from unigs.samples.sample import Sample
from unigs.samples.serialization import decode_sample
from unigs.shards.manifest import (
    REBUILD,
    SAMPLES,
    ShardRecord,
    check_vouched,
    read_manifest,
    read_sample_table,
)
from unigs.shards.place import ShardPlace, opened

__all__ = ["read_samples"]

_MAGIC = slice(257, 262)


def read_samples(place: Path | str, shard: str | None = None) -> Iterator[Sample]:
    """Yield the samples of a folder of shards, or at an address, in the order of the shards, or of
    one of its shards.

    Raises DataError for a shard that is not there, and one that names shard and key where a byte is
    not the one that was written: before the sample is handed out; for what belongs to no sample,
    after the last of its shard.
    """
    with opened(place) as source:
        check_vouched(source.folder, SAMPLES)
        shards = read_manifest(source.folder).shards
        if shard is not None and shard not in {record.path for record in shards}:
            raise DataError(
                f"has no shard {shard}", file=source.name, hint="give one of its manifest"
            )
        for record in shards:
            if shard in (None, record.path):
                for files in read_shard(source, record):
                    yield decode_sample(files)


def read_shard(source: ShardPlace, record: ShardRecord) -> Iterator[dict[str, bytes]]:
    """Yield the files of each sample of a shard, extension -> bytes, compared as in
    `read_samples`."""
    rows = read_sample_table(source.folder, ["key", "members"], shard=record.path).to_pylist()
    try:
        with source.open(record.path) as file:
            yield from _checked(file, record, rows)
    except _Changed as changed:
        raise DataError(
            "changed since it was written", file=f"{source.name}/{record.path}",
            record=changed.key or None, hint=REBUILD,
        ) from changed  # fmt: skip
    except OSError as error:
        raise DataError(
            f"cannot be read: {error.strerror or error}", file=f"{source.name}/{record.path}",
            hint=REBUILD,
        ) from error  # fmt: skip


class _Changed(Exception):
    """A checksum mismatch; the key of the sample it belongs to, or ""."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


class _Digesting:
    """A shard to read from its first byte that knows the SHA-256 of what was read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._started = False
        self.sha256 = hashlib.sha256()

    def read(self, size: int) -> bytes:
        data = self._file.read(size)
        if not self._started and data[_MAGIC] != b"ustar":
            # tarfile would unpack what is compressed, however large it becomes.
            raise tarfile.ReadError("not a plain tar")
        self._started = True
        self.sha256.update(data)
        return data


def _checked(
    file: BinaryIO, record: ShardRecord, rows: Iterable[Mapping[str, Any]]
) -> Iterator[dict[str, bytes]]:
    # Here and not above: it imports torch, which most readers of manifests can do without.
    from webdataset import DataPipeline
    from webdataset.tariterators import group_by_keys, tar_file_expander

    stream = _Digesting(file)
    pipeline = DataPipeline(
        lambda: iter([{"url": record.path, "stream": stream}]), tar_file_expander, group_by_keys
    )
    expected = iter(rows)
    key = ""
    try:
        for sample in pipeline:
            row = next(expected, None)
            key = "" if row is None else row["key"]
            files = {name: data for name, data in sample.items() if not name.startswith("__")}
            if row is None or sample["__key__"] != key or not _as_written(files, row["members"]):
                raise _Changed(key)
            yield files
        key = next((row["key"] for row in expected), "")
        while stream.read(CHUNK):
            pass
    except (tarfile.TarError, ValueError, UnicodeError) as error:
        raise _Changed(next((row["key"] for row in expected), "")) from error
    if key or stream.sha256.hexdigest() != record.sha256:
        raise _Changed(key)


def _as_written(files: Mapping[str, bytes], members: Iterable[Mapping[str, Any]]) -> bool:
    digests = {member["extension"]: member["sha256"] for member in members}
    return {name: sha256_of(data) for name, data in files.items()} == digests
