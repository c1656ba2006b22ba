"""A data set of COCO instances as small as can be, written the way some exporter writes it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from unigs.datasets import open_dataset
from unigs.datasets.dataset import Dataset
from unigs.scene import Quarantined, Scene

HEIGHT, WIDTH = 48, 64
SQUARE = [10, 10, 30, 10, 30, 30, 10, 30]
SMALL = [40, 5, 50, 5, 50, 15, 40, 15]
CLASSES = [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]


def image(number: Any = 1, name: str = "a.jpg", **fields: Any) -> dict[str, Any]:
    return {"id": number, "file_name": name, "width": WIDTH, "height": HEIGHT, **fields}


def annotation(number: Any = 1, image_id: Any = 1, **fields: Any) -> dict[str, Any]:
    return {"id": number, "image_id": image_id, "category_id": 1, "segmentation": [SQUARE],
            "iscrowd": 0, "bbox": [10, 10, 20, 20], **fields}  # fmt: skip


def write_set(
    root: Path,
    images: list[dict[str, Any]] | None = None,
    annotations: list[dict[str, Any]] | None = None,
    categories: list[Any] | None = None,
    files: Mapping[str, Any] | None = None,
    encoding: str = "utf-8",
) -> Path:
    """Write it below `root`; `files` are names (or bytes of names) and how Pillow saves each."""
    document = {
        "images": [image()] if images is None else images,
        "annotations": [annotation()] if annotations is None else annotations,
        "categories": CLASSES if categories is None else categories,
    }
    folder = root / "val2017"
    for name, options in (files or {"a.jpg": {}}).items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        photograph().save(file, **{"format": "JPEG", **options})
    text = root / "annotations" / "instances_val2017.json"
    text.parent.mkdir(exist_ok=True)
    text.write_text(json.dumps(document), encoding=encoding)
    return root


def photograph() -> Image.Image:
    """Brighter from left to right, more so below: no turn of it is like another."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    grey = (columns * 2 + rows).astype(np.uint8)
    return Image.fromarray(np.stack([grey] * 3, axis=2))


def read(root: Path) -> tuple[dict[str, Scene], list[Quarantined], Dataset]:
    """Scenes by key, what was refused, and the data set itself."""
    dataset = open_dataset("coco_instances", root, "val")
    records = list(dataset.scan())
    scenes = {record.key: record for record in records if isinstance(record, Scene)}
    refused = [record for record in records if isinstance(record, Quarantined)]
    assert len(scenes) + len(refused) == len(records)
    return scenes, refused, dataset


def names_of(scene: Scene) -> list[str]:
    """The class names of its entities."""
    return [entity.class_name for entity in scene.entities]
