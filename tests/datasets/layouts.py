"""Small data sets in every layout, made from the same generated scenes."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pycocotools import mask as coco_mask

from unigs.datasets import open_dataset
from unigs.datasets.shapes.generate import write_shapes

SCENES = 4
SIZE = 32
OPEN_IMAGES_COLUMNS = (
    *("MaskPath", "ImageID", "LabelName", "BoxID"),
    *("BoxXMin", "BoxXMax", "BoxYMin", "BoxYMax", "PredictedIoU", "Clicks"),
)


def write_panoptic(root: Path) -> None:
    write_shapes(root, train=SCENES, val=0, size=SIZE, seed=11)


def write_instances(root: Path) -> None:
    """Every region of the scenes as an annotation, alternately as string, list and polygons."""
    source = root / "source"
    write_panoptic(source)
    shutil.copytree(source / "train2017", root / "train2017")
    panoptic = json.loads((source / "annotations" / "panoptic_train2017.json").read_text())
    annotations: list[dict[str, Any]] = []
    for image, scene in zip(
        panoptic["images"], open_dataset("shapes", source, "train"), strict=True
    ):
        for entity in (*scene.entities, *scene.crowd):
            mask = scene.segments == entity.id
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image["id"],
                    "category_id": entity.class_id,
                    "iscrowd": int(entity.crowd),
                    "bbox": [0, 0, 1, 1],
                    "segmentation": _segmentation(mask, len(annotations) % 3),
                }
            )
    document = {**panoptic, "annotations": annotations}
    write_json(root / "annotations" / "instances_train2017.json", document)
    shutil.rmtree(source)


def _segmentation(mask: np.ndarray, form: int) -> Any:
    if form == 2:
        rows, columns = np.nonzero(mask)
        left, top = int(columns.min()), int(rows.min())
        right, bottom = int(columns.max()) + 1, int(rows.max()) + 1
        return [[left, top, right, top, right, bottom, left, bottom]]
    rle = coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))
    if form == 0:
        return {"size": list(mask.shape), "counts": rle["counts"].decode()}
    flat = mask.ravel(order="F")
    edges = np.flatnonzero(np.diff(flat, prepend=False, append=not flat[-1]))
    return {"size": list(mask.shape), "counts": np.diff(edges, prepend=0).tolist()}


def write_entityseg(root: Path) -> None:
    write_instances(root)
    annotations = root / "annotations" / "entity_segmentation"
    annotations.mkdir()
    source = root / "annotations" / "instances_train2017.json"
    source.rename(annotations / "entityv2_010203_entity_train.json")
    (root / "images").mkdir()
    (root / "train2017").rename(root / "images" / "entity_01_11580")


def write_open_images(root: Path) -> None:
    """The things of the scenes, with masks of 1.5 times the size of the images."""
    source = root / "source"
    write_panoptic(source)
    (root / "train-masks").mkdir()
    (root / "train").mkdir()
    labels: dict[str, str] = {}
    with (root / "train-annotations-object-segmentation.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(OPEN_IMAGES_COLUMNS)
        for number, scene in enumerate(open_dataset("shapes", source, "train")):
            image = f"{number:x}{number:015x}"
            shutil.copy(scene.image_file, root / "train" / f"{image}.jpg")
            for entity in scene.entities:
                label = labels.setdefault(entity.class_name, f"/m/0{len(labels):02x}")
                name = f"{image}_{label[1:].replace('/', '')}_{entity.id:08x}.png"
                mask = Image.fromarray((scene.segments == entity.id).astype(np.uint8) * 255)
                side = SIZE * 3 // 2
                mask.resize((side, side)).convert("1").save(root / "train-masks" / name)
                writer.writerow([name, image, label, f"{entity.id:08x}", 0, 1, 0, 1, "0.9", ""])
    with (root / "class-descriptions-boxable.csv").open("w", newline="") as file:
        csv.writer(file).writerows((label, name.title()) for name, label in labels.items())
    shutil.rmtree(source)


def write_ade20k(root: Path) -> None:
    source = root / "source"
    write_panoptic(source)
    folder = root / "ADE20K_2021_17_01" / "images" / "ADE" / "training" / "toys" / "table"
    folder.mkdir(parents=True)
    for number, scene in enumerate(open_dataset("shapes", source, "train"), start=1):
        stem = folder / f"ADE_train_{number:08d}"
        shutil.copy(scene.image_file, stem.with_suffix(".jpg"))
        colors = np.zeros((SIZE, SIZE, 3), dtype=np.uint8)
        objects = []
        for entity in scene.entities:
            mask = scene.segments == entity.id
            # class ids beyond one byte, as in the release
            number_of_class = 300 + entity.class_id
            colors[mask] = (number_of_class // 256 * 10, number_of_class % 256, entity.id * 7)
            objects.append(
                {
                    "id": entity.id,
                    "name": f"{entity.class_name}, thing",
                    "name_ndx": number_of_class,
                    "parts": {"part_level": 0},
                }
            )
        Image.fromarray(colors).save(stem.with_name(f"{stem.name}_seg.png"))
        document = {"annotation": {"object": objects, "source": {"origin": "drawn"}}}
        write_json(stem.with_suffix(".json"), document)
    shutil.rmtree(source)


def write_json(path: Path, document: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))


WRITERS: dict[str, Callable[[Path], None]] = {
    "shapes": write_panoptic,
    "coco_instances": write_instances,
    "entityseg": write_entityseg,
    "open_images": write_open_images,
    "ade20k": write_ade20k,
}
ANNOTATIONS = {
    "shapes": "annotations/panoptic_train2017.json",
    "coco_instances": "annotations/instances_train2017.json",
    "entityseg": "annotations/entity_segmentation/entityv2_010203_entity_train.json",
    "open_images": "train-annotations-object-segmentation.csv",
    "ade20k": "ADE20K_2021_17_01/images/ADE/training/toys/table/ADE_train_00000002.json",
}
IMAGES = {
    "shapes": "train2017/000000000002.jpg",
    "coco_instances": "train2017/000000000002.jpg",
    "entityseg": "images/entity_01_11580/000000000002.jpg",
    "open_images": "train/1000000000000001.jpg",
    "ade20k": "ADE20K_2021_17_01/images/ADE/training/toys/table/ADE_train_00000002.jpg",
}
