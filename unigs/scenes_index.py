"""The scenes index: one parquet row an image, enough to rebuild its scene without the annotations.

Rows stand in the order of the reader, refused records among them with their reason. Equal data
gives equal bytes. Image paths are relative to the root of the data set, and that root is noted
relative to the folder of the index.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from unigs.atomic_file import replacing
from unigs.datasets import Dataset
from unigs.errors import DataError
from unigs.label_runs import decode_labels, encode_labels
from unigs.scene import Entity, Quarantined, Scene

ROWS_PER_GROUP = 256
OK, QUARANTINED = "ok", "quarantined"

_ENTITY = pa.struct(
    [
        ("id", pa.int32()),
        ("class_name", pa.string()),
        ("class_id", pa.int64()),
        ("is_thing", pa.bool_()),
        ("crowd", pa.bool_()),
        ("area", pa.int64()),
        ("centroid_x", pa.float64()),
        ("centroid_y", pa.float64()),
        ("source_id", pa.string()),
        ("counts", pa.binary()),
    ]
)
SCHEMA = pa.schema(
    [
        ("key", pa.string()),
        ("dataset", pa.string()),
        ("split", pa.string()),
        ("status", pa.string()),
        ("image", pa.string()),
        ("image_digest", pa.string()),
        ("annotation_digest", pa.string()),
        ("height", pa.int32()),
        ("width", pa.int32()),
        ("licence", pa.string()),
        ("entities", pa.list_(_ENTITY)),
        ("file", pa.string()),
        ("record", pa.string()),
        ("reason", pa.string()),
    ]
)


@dataclass(frozen=True, slots=True)
class IndexReport:
    """What an index holds.

    Attributes:
        path: the parquet file.
        images: scenes that can be used.
        entities: their entities, crowd regions not counted.
        crowd: their crowd regions.
        classes: distinct class names among the entities.
        quarantined: records refused.
        reasons: how often each reason was given.
        digest: SHA-256 (hex) over keys and digests of the scenes, in their order: equal for equal
            data, wherever it lies.
    """

    path: Path
    images: int
    entities: int
    crowd: int
    classes: int
    quarantined: int
    reasons: dict[str, int]
    digest: str


def build_index(
    dataset: Dataset, path: Path | str, progress: Callable[[int], object] | None = None
) -> IndexReport:
    """Read a data set once and write its index; memory does not grow with the data set.

    Args:
        dataset: what to read.
        path: the parquet file, replaced as a whole when it is complete.
        progress: called with 1 after each record.

    Raises:
        DataError: the data set as a whole is unreadable, or the file cannot be written.
    """
    path = Path(path)
    tally = _Tally()
    try:
        with (
            replacing(path) as partial,
            pq.ParquetWriter(partial, _schema(dataset, path), compression="zstd") as writer,
        ):
            rows: list[dict[str, Any]] = []
            for record in dataset.scan():
                rows.append(_row(dataset, record))
                tally.count(record)
                if len(rows) == ROWS_PER_GROUP:
                    writer.write_table(pa.Table.from_pylist(rows, SCHEMA))
                    rows.clear()
                if progress is not None:
                    progress(1)
            writer.write_table(pa.Table.from_pylist(rows, SCHEMA))
    except OSError as error:
        raise DataError(f"cannot be written: {error.strerror or error}", file=path) from error
    return tally.report(path)


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
            raise DataError("no such file", file=path, mend="build the scenes index") from error
        except (OSError, pa.ArrowException) as error:
            raise DataError("is no parquet file", file=path, mend="build it again") from error
        notes = self._file.schema_arrow.metadata or {}
        if b"unigs.root" not in notes or self._file.schema_arrow.names != SCHEMA.names:
            raise DataError("is no scenes index", file=path, mend="build it again")
        noted = self.path.parent / notes[b"unigs.root"].decode()
        self.root = Path(root) if root is not None else Path(os.path.normpath(noted))
        self.class_names: tuple[str, ...] = tuple(json.loads(notes[b"unigs.class_names"]))

    def __len__(self) -> int:
        """Rows, refused records included."""
        return int(self._file.metadata.num_rows)

    def __iter__(self) -> Iterator[Scene]:
        return (self.scene(row) for row in self.rows() if row["status"] == OK)

    def quarantined(self) -> Iterator[Quarantined]:
        """The refused records."""
        for row in self.rows(["status", "file", "record", "reason"]):
            if row["status"] == QUARANTINED:
                yield Quarantined(row["file"], row["record"], row["reason"])

    def rows(self, columns: list[str] | None = None) -> Iterator[dict[str, Any]]:
        """The rows as they are stored, a row group in memory at a time.

        Args:
            columns: which to read, e.g. "key" or "entities.list.element.area"; all if None.
        """
        for batch in self._file.iter_batches(ROWS_PER_GROUP, columns=columns):
            yield from batch.to_pylist()

    def batches(self) -> Iterator[pa.RecordBatch]:
        """All rows as they are stored, a row group in memory at a time."""
        return self._file.iter_batches(ROWS_PER_GROUP)

    def scene(self, row: dict[str, Any]) -> Scene:
        """The scene of a row with status ok."""
        entities = tuple(
            Entity(
                entity["id"],
                entity["class_name"],
                entity["class_id"],
                entity["is_thing"],
                entity["area"],
                (entity["centroid_x"], entity["centroid_y"]),
                entity["source_id"],
                entity["crowd"],
            )
            for entity in row["entities"]
        )
        return Scene(
            key=row["key"],
            dataset=row["dataset"],
            split=row["split"],
            image_file=self.root / row["image"],
            segments=decode_labels(
                [entity["counts"] for entity in row["entities"]],
                [entity["id"] for entity in row["entities"]],
                row["height"],
                row["width"],
            ),
            entities=tuple(entity for entity in entities if not entity.crowd),
            crowd=tuple(entity for entity in entities if entity.crowd),
            image_digest=row["image_digest"],
            annotation_digest=row["annotation_digest"],
            licence=row["licence"],
        )


def read_index(path: Path | str, root: Path | str | None = None) -> Iterator[Scene]:
    """The scenes of an index, rebuilt one by one; `ScenesIndex` offers more."""
    return iter(ScenesIndex(path, root))


def _schema(dataset: Dataset, path: Path) -> pa.Schema:
    root = os.path.relpath(dataset.root.resolve(), path.parent.resolve())
    notes = {
        "unigs.root": Path(root).as_posix(),
        "unigs.class_names": json.dumps(dataset.class_names),
    }
    return SCHEMA.with_metadata(notes)


def _row(dataset: Dataset, record: Scene | Quarantined) -> dict[str, Any]:
    if isinstance(record, Quarantined):
        return {
            "dataset": dataset.name,
            "split": dataset.split,
            "status": QUARANTINED,
            "entities": [],
            "file": record.file,
            "record": record.record,
            "reason": record.reason,
        }
    regions = [*record.entities, *record.crowd]
    codes = encode_labels(record.segments, [region.id for region in regions])
    return {
        "key": record.key,
        "dataset": record.dataset,
        "split": record.split,
        "status": OK,
        "image": record.image_file.relative_to(dataset.root).as_posix(),
        "image_digest": record.image_digest,
        "annotation_digest": record.annotation_digest,
        "height": record.height,
        "width": record.width,
        "licence": record.licence,
        "entities": [
            {
                "id": region.id,
                "class_name": region.class_name,
                "class_id": region.class_id,
                "is_thing": region.is_thing,
                "crowd": region.crowd,
                "area": region.area,
                "centroid_x": region.centroid[0],
                "centroid_y": region.centroid[1],
                "source_id": region.source_id,
                "counts": code,
            }
            for region, code in zip(regions, codes, strict=True)
        ],
    }


class _Tally:
    def __init__(self) -> None:
        self.images = self.entities = self.crowd = 0
        self.names: set[str] = set()
        self.reasons: Counter[str] = Counter()
        self.digest = hashlib.sha256()

    def count(self, record: Scene | Quarantined) -> None:
        if isinstance(record, Quarantined):
            self.reasons[record.reason] += 1
            return
        self.images += 1
        self.entities += len(record.entities)
        self.crowd += len(record.crowd)
        self.names.update(entity.class_name for entity in record.entities)
        self.digest.update(f"{record.key} {record.digest}\n".encode())

    def report(self, path: Path) -> IndexReport:
        return IndexReport(
            path,
            self.images,
            self.entities,
            self.crowd,
            len(self.names),
            self.reasons.total(),
            dict(self.reasons.most_common()),
            self.digest.hexdigest(),
        )
