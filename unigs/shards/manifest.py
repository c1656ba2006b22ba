"""Metadata of a folder of shards: manifest.json, samples.parquet, records of shards.

The record of a shard (``records/NAME.json``) is written right after the shard and holds the
digest of its inputs. A later build reads it to reuse an unchanged shard, also when the
build before was killed and never got to the manifest.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from unigs.errors import DataError
from unigs.io.files import sha256_of, writing

MANIFEST = "manifest.json"
PREVIOUS = "previous.json"
SAMPLES = "samples.parquet"
RECORDS = "records"

# Of manifest.json, records and tables: raise it when readers must reject older folders.
MANIFEST_FORMAT = 4

# What to do about anything that is not as it was written.
REBUILD = "build the shards again: only what changed is rebuilt"

ROWS_PER_GROUP = 256
ROWS_AT_ONCE = 1 << 14

MEMBERS = pa.list_(
    pa.struct(
        [
            ("extension", pa.string()),
            ("offset", pa.int64()),
            ("size", pa.int64()),
            ("sha256", pa.string()),
        ]
    )
)
# Columns inside MEMBERS, as Parquet names them: all that finds a file in its shard.
PLACES = ["members.list.element." + name for name in ("extension", "offset", "size")]
SAMPLE_COLUMNS = pa.schema(
    [
        ("key", pa.string()),
        ("shard", pa.string()),
        ("scene", pa.string()),
        ("source_digest", pa.string()),
        ("prompt", pa.string()),
        ("classes", pa.list_(pa.string())),
        ("absent", pa.list_(pa.string())),
        ("coarse_share", pa.float64()),
        ("seed", pa.int64()),
        ("members", MEMBERS),
    ]
)


@dataclass(frozen=True, slots=True)
class ShardRecord:
    """One shard of a manifest; ``inputs`` is the digest of everything it was made from."""

    path: str
    sha256: str
    bytes: int
    samples: int
    inputs: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """A scene, or one variant of it, that gave no sample, and why."""

    scene: str
    variant: int
    reason: str


@dataclass(frozen=True, slots=True)
class ShardManifest:
    """A folder of shards.

    Attributes:
        shards: the shards that hold samples, by name.
        digest: SHA-256 over names and digests of the shards: equal digests, equal bytes.
        sources: SHA-256 over the digests of all scenes that went in.
        samples, scenes: how many came out and went in.
        counts: entities and draws by filter, summed over the samples.
        skipped: scenes without a sample.
        removed: scenes that an earlier build of this folder held and this one does not.
        configuration: task, options, seed, variants, image format, number of shards.
        code_version: of unigs.
        files: SHA-256 of each side file that belongs to the shards, by its path.
        built, cached: names of the shards that this build wrote and reused (not stored).
        unread: scenes whose image could not be read (not stored); the next build tries them again.
    """

    shards: tuple[ShardRecord, ...]
    digest: str
    sources: str
    samples: int
    scenes: int
    counts: dict[str, int]
    skipped: tuple[Skipped, ...]
    removed: tuple[str, ...]
    configuration: dict[str, Any]
    code_version: str
    files: dict[str, str] = field(default_factory=dict)
    built: tuple[str, ...] = field(default=(), compare=False)
    cached: tuple[str, ...] = field(default=(), compare=False)
    unread: tuple[str, ...] = field(default=(), compare=False)

    @property
    def task(self) -> str:
        return str(self.configuration["task"])

    @property
    def skipped_by_reason(self) -> dict[str, int]:
        reasons: dict[str, int] = {}
        for entry in self.skipped:
            reasons[entry.reason] = reasons.get(entry.reason, 0) + 1
        return reasons


class OtherFormat(DataError):
    """A folder in the format of another version."""


def digest_of(value: Any) -> str:
    """Return the SHA-256 (hex) of a JSON value in its canonical form."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def shards_digest(shards: Iterable[ShardRecord]) -> str:
    """Return the SHA-256 (hex) over names and digests of shards."""
    return digest_of([[shard.path, shard.sha256] for shard in shards])


def write_manifest(folder: Path, manifest: ShardManifest) -> None:
    """Write manifest.json, sealed by a digest of its own."""
    content = asdict(manifest)
    del content["built"], content["cached"]
    content["format"] = MANIFEST_FORMAT
    content["seal"] = digest_of(content)
    write_json(folder / MANIFEST, content, indent=1)


def read_manifest(folder: Path, name: str = MANIFEST) -> ShardManifest:
    """Read manifest.json.

    Raises DataError if it is missing, unreadable, changed since it was sealed, of another
    version's format, or names files outside of its folder.
    """
    file = folder / name
    content = read_json(file)
    if content.get("seal") != _seal(content):
        raise DataError("changed since it was written", file=file, hint=REBUILD)
    if content.get("format") != MANIFEST_FORMAT:
        raise OtherFormat(
            f"written by another version of unigs ({content.get('code_version', 'unknown')})",
            file=file, hint="build shards and latents again with this one",
        )  # fmt: skip
    try:
        manifest = ShardManifest(
            shards=tuple(ShardRecord(**shard) for shard in content["shards"]),
            skipped=tuple(Skipped(**entry) for entry in content["skipped"]),
            removed=tuple(content["removed"]),
            **{
                name: content[name]
                for name in (
                    "digest", "sources", "samples", "scenes", "counts", "configuration",
                    "code_version", "files",
                )
            },
        )  # fmt: skip
    except (KeyError, TypeError) as error:
        raise DataError(f"not a manifest: {error}", file=file, hint=REBUILD) from error
    for path in (*(shard.path for shard in manifest.shards), *manifest.files):
        # a manifest may come from an address, and whoever pulls writes what it names
        parts = PurePosixPath(path).parts
        if not parts or path.startswith("/") or ".." in parts:
            raise DataError(f"names a file outside of its folder, {path!r}", file=file)
    return manifest


def check_vouched(folder: Path, name: str) -> None:
    """Raise DataError for a side file that is missing, or on a checksum mismatch with the
    manifest."""
    digest = sha256_of(folder / name)
    if not digest or read_manifest(folder).files.get(name) != digest:
        reason = "changed since it was written" if digest else "is missing"
        raise DataError(reason, file=folder / name, hint=REBUILD)


def write_record(folder: Path, record: dict[str, Any]) -> None:
    """Write the record of one shard, sealed: its ShardRecord as ``shard``, its ``rows`` of the
    sample table, ``counts`` and ``skipped`` as in the manifest, and what else its writer notes."""
    (folder / RECORDS).mkdir(exist_ok=True)
    content = record | {"seal": _seal(record)}
    write_json(folder / RECORDS / f"{record['shard']['path']}.json", content)


def read_record(folder: Path, name: str) -> dict[str, Any] | None:
    """Return the record of a shard; None if there is none, or it changed since it was written."""
    try:
        record = read_json(folder / RECORDS / f"{name}.json")
    except DataError:
        return None
    return record if record.get("seal") == _seal(record) else None


def write_sample_table(folder: Path, records: Iterable[dict[str, Any]], columns: pa.Schema) -> None:
    """Write samples.parquet; the rows of a shard are contiguous."""
    rows: list[dict[str, Any]] = []
    with writing(folder / SAMPLES) as partial, pq.ParquetWriter(partial, columns) as writer:

        def flush() -> None:
            if rows:
                writer.write_table(pa.Table.from_pylist(rows, schema=columns))
                rows.clear()

        for record in records:
            rows += record["rows"]
            if len(rows) >= ROWS_PER_GROUP:
                flush()
        flush()


def read_sample_table(
    folder: Path, columns: list[str] | None = None, shard: str | None = None
) -> pa.Table:
    """samples.parquet, or its rows of one shard; raise DataError if it is missing or broken."""
    filters = None if shard is None else [("shard", "==", shard)]
    try:
        return pq.read_table(folder / SAMPLES, columns=columns, filters=filters)
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"cannot be read: {error}", file=folder / SAMPLES, hint=REBUILD) from error


def read_sample_batches(
    folder: Path, columns: list[str], coded: Sequence[str] = ()
) -> Iterator[pa.RecordBatch]:
    """Yield samples.parquet in parts, so that none of it is held whole; errors as
    `read_sample_table`.

    Args:
        columns: those inside the members as in PLACES.
        coded: columns of few texts that come again and again, each of which is held once.
    """
    try:
        with pq.ParquetFile(folder / SAMPLES, read_dictionary=list(coded)) as table:
            yield from table.iter_batches(ROWS_AT_ONCE, columns=columns)
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"cannot be read: {error}", file=folder / SAMPLES, hint=REBUILD) from error


def write_json(path: Path, content: dict[str, Any], indent: int | None = None) -> None:
    """Write a JSON object atomically, keys sorted."""
    with writing(path) as partial:
        partial.write_text(json.dumps(content, sort_keys=True, indent=indent) + "\n", "utf-8")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object; raise DataError if there is none."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise DataError(f"cannot be read: {error}", file=path, hint=REBUILD) from error
    if not isinstance(content, dict):
        raise DataError("not a JSON object", file=path, hint=REBUILD)
    return content


def _seal(content: dict[str, Any]) -> str:
    return digest_of({name: value for name, value in content.items() if name != "seal"})
