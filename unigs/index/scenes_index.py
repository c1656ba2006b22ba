"""The scenes index: one parquet row per image, enough to rebuild its scene without the annotations.

Rows are in the order of the reader, quarantined records included, with their reason. Equal data
gives equal bytes. Image paths are relative to the root of the data set, and that root is noted
relative to the folder of the index.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from unigs.datasets import Dataset
from unigs.errors import DataError
from unigs.index.exclusions import Exclusions
from unigs.index.row_cache import RowCache, rewriting
from unigs.index.rows import SCHEMA, Row, left_out, row_of, scene_of
from unigs.index.status import FORGOTTEN, OK, QUARANTINED
from unigs.io.files import replacing
from unigs.scene import Quarantined, Scene

ROWS_PER_GROUP = 256


@dataclass(frozen=True, slots=True)
class IndexReport:
    """What an index holds.

    Attributes:
        path: the parquet file.
        images: scenes that can be used.
        entities: their entities, crowd regions not counted.
        crowd: their crowd regions.
        classes: distinct class names among the entities.
        quarantined: number of quarantined records.
        reused: scenes whose row was taken from the cache.
        reasons: how often each reason was given.
        forgotten: reason of what was left out on request -> how often; not quarantined.
        notes: assumptions made in reading what can be used, and how often.
        digest: SHA-256 (hex) over keys and digests of the scenes, in their order: equal for equal
            data, in any folder.
    """

    path: Path
    images: int
    entities: int
    crowd: int
    classes: int
    quarantined: int
    reused: int
    reasons: dict[str, int]
    forgotten: dict[str, int]
    notes: dict[str, int]
    digest: str


def build_index(
    dataset: Dataset,
    path: Path | str,
    progress: Callable[[int], object] | None = None,
    cache: Path | str | None = None,
    excluded: Exclusions | None = None,
) -> IndexReport:
    """Read a data set once and write its index; memory does not grow with the data set.

    Args:
        dataset: what to read.
        path: the parquet file, replaced as a whole when it is complete.
        progress: called with 1 after each record.
        cache: a file that caches the rows for the next build, which then reads only images whose
            annotation changed, or a file of theirs in size or time. The index is the same.
        excluded: images that are left out; their rows tell why and hold nothing else of them.

    Raises:
        DataError: the data set as a whole is unreadable, or a file cannot be written.
    """
    path = Path(path)
    tally = _Tally()
    try:
        with ExitStack() as stack:
            partial = stack.enter_context(replacing(path))
            schema = _schema(dataset, path)
            writer = stack.enter_context(pq.ParquetWriter(partial, schema, compression="zstd"))
            pending: list[Row] = []
            for row, reused in _rows(
                dataset, Path(cache) if cache else None, excluded or Exclusions(), stack
            ):
                pending.append(row)
                tally.count(row, reused)
                if len(pending) == ROWS_PER_GROUP:
                    writer.write_table(pa.Table.from_pylist(pending, SCHEMA))
                    pending.clear()
                if progress is not None:
                    progress(1)
            writer.write_table(pa.Table.from_pylist(pending, SCHEMA))
    except OSError as error:
        raise DataError(f"cannot be written: {error.strerror or error}", file=path) from error
    return tally.report(path, dataset.notes)


def _rows(
    dataset: Dataset, cache: Path | None, excluded: Exclusions, stack: ExitStack
) -> Iterator[tuple[Row, bool]]:
    """Yield every row of a data set, and whether it comes from the cache."""
    known = RowCache(cache) if cache else None
    kept = stack.enter_context(rewriting(cache)) if cache else None
    for record in dataset.records():
        if isinstance(record, Quarantined):
            yield row_of(dataset, record), False
            continue
        if record.key in excluded.keys:
            file = dataset.relative(record.files[0] if record.files else record.file)
            reason = excluded.keys[record.key]
            yield left_out(dataset, FORGOTTEN, Quarantined(file, record.name, reason)), False
            continue
        fingerprint = dataset.fingerprint(record) if known else ""
        row = known.row(record.key, fingerprint) if known else None
        rows = [row] if row else [row_of(dataset, part) for part in dataset.read(record)]
        rows = [_unless_forgotten(dataset, one, record.name, excluded) for one in rows]
        # what is quarantined, in part or as a whole, is read again: its files may be fixed
        if kept is not None and len(rows) == 1 and rows[0]["status"] == OK:
            kept.add(rows[0], fingerprint)
        yield from ((one, row is not None) for one in rows)


def _unless_forgotten(dataset: Dataset, row: Row, name: str, excluded: Exclusions) -> Row:
    reason = excluded.digests.get(row.get("image_digest") or "")
    if reason is None:
        return row
    return left_out(dataset, FORGOTTEN, Quarantined(row["image"], name, reason))


class ScenesIndex:
    """An index on disk; iterating it rebuilds the scenes.

    Args:
        path: the parquet file.
        root: the root of the data set, if it moved since.

    Raises:
        DataError: missing, or no scenes index.
    """

    def __init__(self, path: Path | str, root: Path | str | None = None) -> None:
        self.path = Path(path)
        try:
            self._file = pq.ParquetFile(self.path)
        except FileNotFoundError as error:
            raise DataError("no such file", file=path, hint="build the scenes index") from error
        except (OSError, pa.ArrowException) as error:
            raise DataError("is no parquet file", file=path, hint="build it again") from error
        notes = self._file.schema_arrow.metadata or {}
        if b"unigs.root" not in notes or self._file.schema_arrow.names != SCHEMA.names:
            raise DataError("is no scenes index", file=path, hint="build it again")
        noted = self.path.parent / notes[b"unigs.root"].decode()
        self.root = Path(root) if root is not None else Path(os.path.normpath(noted))
        self.class_names: tuple[str, ...] = tuple(json.loads(notes[b"unigs.class_names"]))
        self._notes: dict[str, int] = json.loads(notes[b"unigs.notes"])

    def __len__(self) -> int:
        """Number of rows, quarantined records included."""
        return int(self._file.metadata.num_rows)

    def __iter__(self) -> Iterator[Scene]:
        return (self.scene(row) for row in self.rows() if row["status"] == OK)

    def quarantined(self) -> Iterator[Quarantined]:
        """Yield the quarantined records."""
        return self._left_out(QUARANTINED)

    def forgotten(self) -> Iterator[Quarantined]:
        """Yield the records that were left out on request."""
        return self._left_out(FORGOTTEN)

    def _left_out(self, status: str) -> Iterator[Quarantined]:
        for row in self.rows(["status", "file", "record", "reason"]):
            if row["status"] == status:
                yield Quarantined(row["file"], row["record"], row["reason"])

    def notes(self) -> dict[str, int]:
        """Return the assumptions made in reading the data set, one sentence each -> how
        often."""
        notes = Counter(self._notes)
        for row in self.rows(["notes"]):
            notes.update(row["notes"] or ())
        return dict(notes)

    def rows(self, columns: list[str] | None = None) -> Iterator[Row]:
        """Yield the rows as they are stored, a row group in memory at a time.

        Args:
            columns: which to read, e.g. "key" or "entities.list.element.area"; all if None.
        """
        for batch in self._file.iter_batches(ROWS_PER_GROUP, columns=columns):
            yield from batch.to_pylist()

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Return all rows as they are stored, a row group in memory at a time."""
        return self._file.iter_batches(ROWS_PER_GROUP)

    def scene(self, row: Row) -> Scene:
        """Return the scene of a row with status ok."""
        return scene_of(row, self.root)


def read_index(path: Path | str, root: Path | str | None = None) -> Iterator[Scene]:
    """Return the scenes of an index, rebuilt one by one; `ScenesIndex` offers more."""
    return iter(ScenesIndex(path, root))


def _schema(dataset: Dataset, path: Path) -> pa.Schema:
    root = os.path.relpath(dataset.root.resolve(), path.parent.resolve())
    notes = {
        "unigs.root": Path(root).as_posix(),
        "unigs.class_names": json.dumps(dataset.class_names),
        "unigs.notes": json.dumps(dataset.notes),
    }
    return SCHEMA.with_metadata(notes)


class _Tally:
    def __init__(self) -> None:
        self.images = self.entities = self.crowd = self.reused = 0
        self.names: set[str] = set()
        self.left_out: dict[str, Counter[str]] = {QUARANTINED: Counter(), FORGOTTEN: Counter()}
        self.notes: Counter[str] = Counter()
        self.digest = hashlib.sha256()

    def count(self, row: Row, reused: bool) -> None:
        if row["status"] != OK:
            self.left_out[row["status"]][row["reason"]] += 1
            return
        self.images += 1
        self.reused += reused
        self.notes.update(row["notes"])
        names = [entity["class_name"] for entity in row["entities"] if not entity["crowd"]]
        self.entities += len(names)
        self.crowd += len(row["entities"]) - len(names)
        self.names.update(names)
        line = f"{row['key']} {row['image_digest']} {row['annotation_digest']}\n"
        self.digest.update(line.encode())

    def report(self, path: Path, notes: dict[str, int]) -> IndexReport:
        return IndexReport(
            path=path,
            images=self.images,
            entities=self.entities,
            crowd=self.crowd,
            classes=len(self.names),
            quarantined=self.left_out[QUARANTINED].total(),
            reused=self.reused,
            reasons=dict(self.left_out[QUARANTINED].most_common()),
            forgotten=dict(self.left_out[FORGOTTEN].most_common()),
            notes=notes | self.notes,
            digest=self.digest.hexdigest(),
        )
