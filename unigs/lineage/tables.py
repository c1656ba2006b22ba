"""Parquet tables that find an image among millions: by name or digest its scene, by scene its
shards.

They lie in ``lineage/`` of the store, named by the digest of what they tell of, and are never
changed: the table of shards that were replaced says what a model was trained on.

    lineage/scenes/DIGEST.parquet   of a scenes index: key, image, image and annotation digest
    lineage/terms/DIGEST.parquet    of a scenes index: key, file name or image digest -> key
    lineage/shards/DIGEST.parquet   of a folder of shards: scene, shard, number of samples

Each is sorted by its first column, so that the statistics of its row groups lead to the one group
that can hold a value. A million images and their shards of four tasks take 176 MB.
"""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from unigs.errors import DataError
from unigs.index.status import OK
from unigs.io.files import writing
from unigs.shards.manifest import ShardManifest, read_manifest, read_sample_table

# One group is read per look-up: 16,384 rows decode in milliseconds, and their footer stays small.
ROWS_PER_GROUP = 1 << 14
_SHARDS = b"unigs.shards"


@dataclass(frozen=True, slots=True)
class SceneRow:
    """A scene: its key, the path of its image below the root of the data set, SHA-256 of the
    image's bytes and of its annotations."""

    key: str
    image: str
    image_digest: str
    annotation_digest: str


@dataclass(frozen=True, slots=True)
class ShardFile:
    """A shard of a table: its name, SHA-256 and number of samples."""

    path: str
    sha256: str
    samples: int


class Tables:
    """The tables of a store.

    Args:
        store: its folder; the tables are made in ``lineage/`` of it.
    """

    def __init__(self, store: Path) -> None:
        self.folder = store / "lineage"

    def write_scenes(self, index: Path, digest: str) -> None:
        """Write the tables of a scenes index, if they are not there.

        Args:
            index: the parquet file.
            digest: of its scenes.

        Raises:
            DataError: the index cannot be read, or a table not be written.
        """
        scenes, terms = self._file("scenes", digest), self._file("terms", digest)
        if scenes.is_file() and terms.is_file():
            return
        columns = ["key", "image", "image_digest", "annotation_digest"]
        with _opened(index) as parquet:
            table = parquet.read(columns=[*columns, "status"])
        table = table.filter(pc.equal(table["status"], OK)).select(columns)
        names = pc.replace_substring_regex(table["image"], pattern="^.*/", replacement="")
        found = [table["key"], names, table["image_digest"]]
        looked_up = pa.table(
            {
                "term": pa.chunked_array([part for column in found for part in column.chunks]),
                "key": pa.chunked_array(table["key"].chunks * len(found)),
            }
        )
        _write(terms, looked_up.sort_by("term"))
        _write(scenes, table.sort_by("key"))

    def write_shards(self, folder: Path, digest: str = "") -> str:
        """Write the table of a folder of pixel shards, if it is not there, and return the digest of
        the shards.

        Args:
            digest: of the shards, where it is known; "" reads it from their manifest.

        Raises:
            DataError: the folder has no finished shards, or the table cannot be written.
        """
        if digest and self._file("shards", digest).is_file():
            return digest
        manifest = read_manifest(folder)
        file = self._file("shards", manifest.digest)
        if not file.is_file():
            samples = read_sample_table(folder, ["scene", "shard"])
            counted = samples.group_by(["scene", "shard"]).aggregate([([], "count_all")])
            counted = counted.rename_columns(["scene", "shard", "samples"]).sort_by("scene")
            _write(file, counted.replace_schema_metadata({_SHARDS: _shard_list(manifest)}))
        return manifest.digest

    def has_scenes(self, digest: str) -> bool:
        """Return whether there are tables of a scenes index."""
        return self._file("scenes", digest).is_file() and self._file("terms", digest).is_file()

    def has_shards(self, digest: str) -> bool:
        """Return whether there is a table of shards."""
        return self._file("shards", digest).is_file()

    def scenes_called(self, digest: str, term: str) -> list[SceneRow]:
        """Return the scenes of an index with this key, file name or SHA-256 of the image."""
        keys = _rows(self._file("terms", digest), "term", term)
        return [
            SceneRow(**row)
            for key in dict.fromkeys(row["key"] for row in keys)
            for row in _rows(self._file("scenes", digest), "key", key)
        ]

    def shards_with(self, digest: str, scene: str) -> dict[str, int]:
        """Return the shards of a folder that hold a scene: name -> number of its samples."""
        rows = _rows(self._file("shards", digest), "scene", scene)
        return {row["shard"]: row["samples"] for row in rows}

    def shard_files(self, digest: str) -> list[ShardFile]:
        """Return the shards of a folder."""
        with _opened(self._file("shards", digest)) as parquet:
            notes = parquet.schema_arrow.metadata
        return [ShardFile(*shard) for shard in json.loads(notes[_SHARDS])]

    def scenes_named(self, digest: str, keys: list[str]) -> list[SceneRow]:
        """Return the scenes of an index with some keys, by key."""
        rows = _matching(self._file("scenes", digest), "key", keys)
        return [SceneRow(**row) for row in rows]

    def scenes_of(self, digest: str, shard: str) -> list[str]:
        """Return the keys of the scenes in one shard of a folder, sorted."""
        return [row["scene"] for row in _matching(self._file("shards", digest), "shard", [shard])]

    def _file(self, kind: str, digest: str) -> Path:
        return self.folder / kind / f"{digest}.parquet"


def _shard_list(manifest: ShardManifest) -> str:
    return json.dumps([[shard.path, shard.sha256, shard.samples] for shard in manifest.shards])


def _write(file: Path, table: pa.Table) -> None:
    with writing(file) as partial:
        pq.write_table(table, partial, compression="zstd", row_group_size=ROWS_PER_GROUP)


def _rows(file: Path, column: str, value: str) -> list[dict[str, Any]]:
    """Return the rows in which the sorted column has a value.

    By bisection, first of the row groups by their statistics, then in the one or two that are read.
    `pyarrow.parquet.read_table` with a filter finds the same after importing pandas, for a second.
    """
    with _opened(file) as parquet:
        groups = parquet.metadata
        place = groups.schema.names.index(column)

        def largest(group: int) -> Any:
            return groups.row_group(group).column(place).statistics.max

        found: list[dict[str, Any]] = []
        first = bisect_left(range(groups.num_row_groups), value, key=largest)
        for group in range(first, groups.num_row_groups):
            if groups.row_group(group).column(place).statistics.min > value:
                break
            table = parquet.read_row_group(group)
            held = table[column].combine_chunks()
            begin = bisect_left(range(len(held)), value, key=lambda row: held[row].as_py())
            end = bisect_right(range(len(held)), value, begin, key=lambda row: held[row].as_py())
            found += table.slice(begin, end - begin).to_pylist()
        return found


def _matching(file: Path, column: str, values: list[str]) -> list[dict[str, Any]]:
    """Return the rows in which a column has one of some values, in one pass."""
    wanted = pa.array(values, pa.string())
    with _opened(file) as parquet:
        parts = (batch.filter(pc.is_in(batch[column], wanted)) for batch in parquet.iter_batches())
        return [row for part in parts for row in part.to_pylist()]


@contextmanager
def _opened(file: Path) -> Iterator[pq.ParquetFile]:
    try:
        with pq.ParquetFile(file) as parquet:
            yield parquet
    except (OSError, pa.ArrowException) as error:
        raise DataError(
            f"cannot be read: {error}",
            file=file,
            hint="delete it: it is made again where that can be",
        ) from error
