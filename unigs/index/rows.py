"""Convert scenes and quarantined records to rows of the scenes index, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa

from unigs.datasets import Dataset
from unigs.index.status import OK, QUARANTINED
from unigs.io.rle import decode_labels, encode_labels
from unigs.scene import Entity, Quarantined, Scene

Row = dict[str, Any]

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
        ("turned", pa.bool_()),
        ("file_name", pa.string()),
        ("notes", pa.list_(pa.string())),
        ("entities", pa.list_(_ENTITY)),
        ("file", pa.string()),
        ("record", pa.string()),
        ("reason", pa.string()),
    ]
)


def row_of(dataset: Dataset, record: Scene | Quarantined) -> Row:
    """Return the row of a scene, or of a quarantined record."""
    if isinstance(record, Quarantined):
        return left_out(dataset, QUARANTINED, record)
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
        "turned": record.turned,
        "file_name": record.file_name,
        "notes": list(record.notes),
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


def left_out(dataset: Dataset, status: str, record: Quarantined) -> Row:
    """Return the row of a record that is not used: quarantined, or forgotten on request."""
    return {
        "dataset": dataset.name,
        "split": dataset.split,
        "status": status,
        "entities": [],
        "file": record.file,
        "record": record.record,
        "reason": record.reason,
    }


def scene_of(row: Row, root: Path) -> Scene:
    """Return the scene of a row whose status is `OK`; `root` is that of its data set."""
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
    segments = decode_labels(
        [entity["counts"] for entity in row["entities"]],
        [entity["id"] for entity in row["entities"]],
        row["height"],
        row["width"],
    )
    return Scene(
        key=row["key"],
        dataset=row["dataset"],
        split=row["split"],
        image_file=root / row["image"],
        segments=segments,
        entities=tuple(entity for entity in entities if not entity.crowd),
        crowd=tuple(entity for entity in entities if entity.crowd),
        image_digest=row["image_digest"],
        annotation_digest=row["annotation_digest"],
        licence=row["licence"],
        turned=row["turned"],
        file_name=row["file_name"],
        notes=tuple(row["notes"]),
    )
