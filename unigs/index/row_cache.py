"""Rows of an earlier index, for the images whose files and annotations did not change since.

`Dataset.fingerprint` tells whether they did, from the annotation records and from size and
time of every file, so that nothing is opened. The cache can be deleted at any time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from unigs.index.rows import SCHEMA, Row
from unigs.io.files import replacing

ROWS_PER_GROUP = 256
_CACHE_SCHEMA = SCHEMA.append(pa.field("fingerprint", pa.string()))


class RowCache:
    """The rows in a cache file; none if the file is missing or unreadable.

    Args:
        path: the parquet file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._places: dict[tuple[str, str], int] = {}
        self._group = (-1, list[Row]())
        try:
            self._file = pq.ParquetFile(path)
            if self._file.schema_arrow.equals(_CACHE_SCHEMA):
                self._note_places()
        except (OSError, pa.ArrowException):
            self._places.clear()

    def row(self, key: str, fingerprint: str) -> Row | None:
        """Return the row of that key, if it was made from what has this fingerprint."""
        place = self._places.get((key, fingerprint))
        if place is None:
            return None
        group, offset = divmod(place, ROWS_PER_GROUP)
        # rows are asked for in about the order they were written in: one group at a time will do
        if group != self._group[0]:
            rows = self._file.read_row_group(group, columns=SCHEMA.names).to_pylist()
            self._group = (group, rows)
        return self._group[1][offset]

    def _note_places(self) -> None:
        place = 0
        for batch in self._file.iter_batches(columns=["key", "fingerprint"]):
            for pair in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                self._places[pair] = place
                place += 1


class CacheWriter:
    """Takes rows with their fingerprints and writes them group by group."""

    def __init__(self, writer: pq.ParquetWriter) -> None:
        self._writer = writer
        self._rows: list[Row] = []

    def add(self, row: Row, fingerprint: str) -> None:
        self._rows.append({**row, "fingerprint": fingerprint})
        if len(self._rows) == ROWS_PER_GROUP:
            self.flush()

    def flush(self) -> None:
        if self._rows:
            self._writer.write_table(pa.Table.from_pylist(self._rows, _CACHE_SCHEMA))
            self._rows.clear()


@contextmanager
def rewriting(path: Path) -> Iterator[CacheWriter]:
    """Write a cache file anew; it takes the place of the old one when the block ends well."""
    with (
        replacing(path) as partial,
        pq.ParquetWriter(partial, _CACHE_SCHEMA, compression="zstd") as writer,
    ):
        cache = CacheWriter(writer)
        yield cache
        cache.flush()
