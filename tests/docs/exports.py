"""Miniature exports of annotation tools, each with its tool's names, ids and places of files."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

SIZE = 32
POLYGON = [4.0, 4.0, 20.0, 4.0, 20.0, 24.0, 4.0, 24.0]


def _picture(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(0).integers(0, 255, (SIZE, SIZE, 3), np.uint8)
    Image.fromarray(noise).save(file)


def _document(
    names: list[str], classes: dict[int, str], first: int, **more: Any
) -> dict[str, list[dict[str, Any]]]:
    """`first`: where ids of images and annotations begin; the last class is that of all masks."""
    images = [
        {"id": first + index, "file_name": name, "width": SIZE, "height": SIZE}
        for index, name in enumerate(names)
    ]
    annotations = [
        {
            "id": first + index, "image_id": image["id"], "category_id": max(classes),
            "segmentation": [POLYGON], "area": 320.0, "bbox": [4.0, 4.0, 16.0, 20.0], "iscrowd": 0,
            **more,
        }
        for index, image in enumerate(images)
    ]  # fmt: skip
    categories = [{"id": id, "name": name, "supercategory": ""} for id, name in classes.items()]
    return {"images": images, "annotations": annotations, "categories": categories}


def _write(file: Path, document: dict[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(document))


def labelme(folder: Path) -> None:
    """What labelme2coco.py writes: ids from 0, class 0 the background, names with a folder."""
    names = [f"JPEGImages/photo {index}.jpg" for index in range(5)]
    for name in names:
        _picture(folder / name)
    _write(folder / "annotations.json", _document(names, {0: "_background_", 1: "cup"}, first=0))


def cvat(folder: Path) -> None:
    """COCO 1.0 of a task with the subsets Train and Validation."""
    for subset, count in (("train", 4), ("val", 2)):
        names = [f"photo_{subset}_{index}.jpg" for index in range(count)]
        for name in names:
            _picture(folder / "images" / subset / name)
        document = _document(names, {1: "cup"}, first=1, attributes={"occluded": False})
        _write(folder / "annotations" / f"instances_{subset}.json", document)


def label_studio(folder: Path) -> None:
    """COCO: result.json beside images/, ids from 0, names with a folder."""
    names = [f"images/1a2b3c4d-photo{index}.jpg" for index in range(5)]
    for name in names:
        _picture(folder / name)
    _write(folder / "result.json", _document(names, {0: "cup"}, first=0, ignore=0))


def roboflow(folder: Path) -> None:
    """COCO segmentation: one folder a split, its file among the pictures, class 0 for the group."""
    for split, count in (("train", 4), ("valid", 2)):
        names = [f"photo{index}_jpg.rf.0a1b2c.jpg" for index in range(count)]
        for name in names:
            _picture(folder / split / name)
        document = _document(names, {0: "things", 1: "cup"}, first=0)
        _write(folder / split / "_annotations.coco.json", document)


TOOLS = {
    "LabelMe": labelme,
    "CVAT": cvat,
    "Label Studio": label_studio,
    "Roboflow": roboflow,
}
