"""What the table of a folder of shards tells of its samples before one of them is read."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from unigs.shards.manifest import read_manifest, read_sample_table


def classes_ahead(shards: Path, limit: int | None) -> list[str]:
    """Return the class names of the targets and prompts of the first `limit` samples, sorted."""
    rows = _rows(shards, ["classes", "absent"], limit)
    return sorted({name for row in rows for part in row.values() for name in part or ()})


def keys_ahead(shards: Path, limit: int | None) -> list[tuple[str, str]]:
    """Return key and scene of the first `limit` samples, in the order in which they are read."""
    return [(row["key"], row["scene"]) for row in _rows(shards, ["key", "scene"], limit)]


def _rows(shards: Path, columns: list[str], limit: int | None) -> Iterator[dict[str, Any]]:
    manifest = read_manifest(shards)
    tables = (read_sample_table(shards, columns, shard=one.path) for one in manifest.shards)
    return islice((row for table in tables for row in table.to_pylist()), limit)
