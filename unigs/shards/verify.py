"""Verify the checksums of a folder of shards."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from unigs.errors import DataError
from unigs.io.files import sha256_of
from unigs.remote.address import CHUNK
from unigs.shards.manifest import MANIFEST, SAMPLES, OtherFormat, read_manifest, read_sample_table
from unigs.shards.place import ShardPlace, opened
from unigs.shards.tar import BLOCK, member_header, padding


def verify_shards(place: Path | str) -> list[tuple[str, str]]:
    """Verify every byte of pixel or latent shards in a folder or at an address.

    Returns:
        (file, key) of whatever differs, sorted; the key is "" where no sample is meant: a
        missing or foreign shard, its end, the manifest, a table. After a broken manifest
        nothing else can be verified, after a broken table no keys are known. Hidden files, which
        other tools leave behind, are ignored.

    Raises:
        DataError: there is no manifest, or it is of another version's format.
    """
    with opened(place) as source:
        if MANIFEST not in source.names:
            raise DataError("no manifest", file=place, hint="give a folder of finished shards")
        try:
            manifest = read_manifest(source.folder)
        except OtherFormat:
            raise
        except DataError:
            return [(MANIFEST, "")]
        bad = {
            (name, "")
            for name, digest in manifest.files.items()
            if _digest_at(source, name) != digest
        }
        bad |= {(name, "") for name in foreign_shards(source)}
        table_is_sound = (SAMPLES, "") not in bad
        for shard in manifest.shards:
            # Taking the tar apart would say no more than its digest and takes ten times as long.
            if _digest_at(source, shard.path) == shard.sha256:
                continue
            keys = set(changed_keys(source, shard.path)) if table_is_sound else set[str]()
            bad |= {(shard.path, key) for key in keys or {""}}
        return sorted(bad)


def foreign_shards(source: ShardPlace) -> set[str]:
    """Return tars in the place that are none of its shards; hidden files are ignored."""
    known = {shard.path for shard in read_manifest(source.folder).shards}
    tars = {name for name in source.names if name.endswith(".tar") and name[0] != "."}
    return tars - known


def changed_keys(source: ShardPlace, name: str) -> Iterator[str]:
    """Yield the keys of samples of a shard with a checksum mismatch, at the offsets of the table.

    The key is "" for the end of the shard, or for a shard that cannot be read.
    """
    rows = read_sample_table(source.folder, ["key", "members"], shard=name).to_pylist()
    members = [(member["offset"], row["key"], member) for row in rows for member in row["members"]]
    try:
        with source.open(name) as file:
            for _, key, member in sorted(members, key=lambda entry: entry[0]):
                if not _is_as_written(file, key, member):
                    yield key
            if file.read().strip(b"\0"):
                yield ""
    except OSError:
        yield ""


def _is_as_written(file: BinaryIO, key: str, member: dict[str, Any]) -> bool:
    """Header, bytes and padding of one member; the file stands at its header."""
    size = member["size"]
    header = file.read(BLOCK)
    data = file.read(size)
    rest = file.read(len(padding(size)))
    return (
        header == member_header(f"{key}.{member['extension']}", size)
        and sha256_of(data) == member["sha256"]
        and rest == padding(size)
    )


def _digest_at(source: ShardPlace, name: str) -> str:
    digest = hashlib.sha256()
    try:
        with source.open(name) as file:
            while data := file.read(CHUNK):
                digest.update(data)
    except OSError:
        return ""
    return digest.hexdigest()
