"""Finding what changed in a folder of shards since it was written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from unigs.errors import DataError
from unigs.shards.manifest import MANIFEST, SAMPLES, read_manifest, read_sample_table, vouched_files
from unigs.shards.tar import BLOCK, member_header, padding, sha256_of


def verify_shards(folder: Path | str) -> list[tuple[str, str]]:
    """Compare every byte of a folder of pixel or latent shards with what was written.

    Returns:
        (file, key) of whatever differs, sorted; the key is "" where no sample is meant: a
        missing or foreign shard, its end, the manifest, a table. After a broken manifest
        nothing else can be evaluated, after a broken table no keys can be told.

    Raises:
        DataError: there is no manifest.
    """
    folder = Path(folder)
    if not (folder / MANIFEST).is_file():
        raise DataError("no manifest", file=folder, hint="give a folder of finished shards")
    try:
        manifest = read_manifest(folder)
    except DataError:
        return [(MANIFEST, "")]
    bad = {
        (name, "")
        for name, digest in vouched_files(folder).items()
        if sha256_of(folder / name) != digest
    }
    known = {shard.path for shard in manifest.shards}
    bad |= {(path.name, "") for path in folder.glob("*.tar") if path.name not in known}
    table_is_sound = (SAMPLES, "") not in bad
    for shard in manifest.shards:
        if sha256_of(folder / shard.path) == shard.sha256:
            continue
        keys = set(_changed_keys(folder, shard.path)) if table_is_sound else set()
        bad |= {(shard.path, key) for key in keys or {""}}
    return sorted(bad)


def _changed_keys(folder: Path, name: str) -> Iterator[str]:
    rows = read_sample_table(folder, ["key", "members"], shard=name).to_pylist()
    members = [(member["offset"], row["key"], member) for row in rows for member in row["members"]]
    try:
        with (folder / name).open("rb") as file:
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
