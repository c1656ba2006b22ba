"""Six photographs as each annotation tool exports them, with its quirks.

Every photograph has a cat (SQUARE) and, unless a tool says otherwise, a dog (SMALL).
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.datasets.small_set import HEIGHT, SMALL, SQUARE, WIDTH, photograph

COUNT = 6


def save(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    photograph().save(file, format="JPEG")


def dump(file: Path, document: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(document))


def box(polygon: list[int]) -> list[int]:
    left, top = min(polygon[0::2]), min(polygon[1::2])
    return [left, top, max(polygon[0::2]) - left, max(polygon[1::2]) - top]


def coco(names: list[str], first: int, **fields: Any) -> dict[str, Any]:
    """A COCO document whose ids begin with `first`; category ids too."""
    images = [
        {"id": first + n, "file_name": name, "width": WIDTH, "height": HEIGHT}
        for n, name in enumerate(names)
    ]
    annotations = [
        {"id": first + 2 * n + m, "image_id": first + n, "category_id": first + m,
         "segmentation": [[float(value) for value in polygon]], "bbox": box(polygon),
         "area": float(box(polygon)[2] * box(polygon)[3]), "iscrowd": 0, **fields}
        for n in range(len(names))
        for m, polygon in enumerate((SQUARE, SMALL))
    ]  # fmt: skip
    categories = [{"id": first + n, "name": name} for n, name in enumerate(("cat", "dog"))]
    return {"images": images, "annotations": annotations, "categories": categories}


def roboflow(root: Path) -> None:
    """A folder a split; over all classes one of the project's name, with the id 0."""
    for split, names in {"train": range(1, COUNT), "valid": range(1)}.items():
        files = [f"photo-{n}_jpg.rf.{n:032x}.jpg" for n in names]
        document = coco(files, 1)
        for category in document["categories"]:
            category["supercategory"] = "pets"
        document["categories"].insert(0, {"id": 0, "name": "pets", "supercategory": "none"})
        document["licenses"] = [{"id": 1, "url": "https://example.org/by", "name": "CC BY 4.0"}]
        for image in document["images"]:
            image |= {"license": 1, "date_captured": "2024", "extra": {"name": "photo.jpg"}}
        dump(root / split / "_annotations.coco.json", document)
        for name in files:
            save(root / split / name)
    (root / "README.dataset.txt").write_text("pets")


def cvat(root: Path) -> None:
    """A subset a file; folders below the pictures; brush masks as run lengths marked as a crowd."""
    for subset, names in {"Train": range(1, COUNT), "Validation": range(1)}.items():
        files = [f"day one/{n}.jpg" for n in names]
        document = coco(files, 1, attributes={"occluded": False})
        for annotation in document["annotations"][::2]:
            mask = np.zeros((HEIGHT, WIDTH), bool)
            mask[10:30, 10:30] = True
            flat = mask.ravel(order="F")
            edges = np.flatnonzero(np.diff(flat, prepend=False, append=not flat[-1]))
            counts = np.diff(edges, prepend=0).tolist()
            annotation |= {"segmentation": {"counts": counts, "size": [HEIGHT, WIDTH]},
                           "iscrowd": 1}  # fmt: skip
        document["licenses"] = [{"name": "", "id": 0, "url": ""}]
        document["info"] = {"contributor": "", "date_created": "", "year": ""}
        for image in document["images"]:
            image |= {"license": 0, "flickr_url": "", "coco_url": "", "date_captured": 0}
        dump(root / "annotations" / f"instances_{subset}.json", document)
        for name in files:
            save(root / "images" / subset / name)


def label_studio(root: Path) -> None:
    """No splits; ids from 0; hexadecimal digits before a name, and one path of another machine."""
    names = [f"0{n}ab12cd-photo {n}.jpg" for n in range(COUNT)]
    document = coco([f"images/{name}" for name in names], 0, ignore=0)
    document["images"][0]["file_name"] = f"..\\..\\media\\upload\\4\\{names[0]}"
    document["images"][1]["file_name"] = "/data/local-files/?d=photos/" + names[1].replace(
        " ", "%20"
    )
    document["images"][2] |= {"width": None, "height": None}
    dump(root / "result.json", document)
    # the third one was put there by its owner, under the name that it had before
    for name in (*names[:3], names[3][9:], *names[4:]):
        save(root / "images" / name)


def labelme_coco(root: Path) -> None:
    """As labelme2coco.py writes it: ids from 0, `_background_`, a licence of nulls, previews."""
    names = [f"JPEGImages/{n}.jpg" for n in range(COUNT)]
    document = coco(names, 1)
    document["categories"].insert(0, {"supercategory": None, "id": 0, "name": "_background_"})
    document["licenses"] = [{"url": None, "id": 0, "name": None}]
    for image in document["images"]:
        image |= {"license": 0, "url": None, "date_captured": None}
    dump(root / "annotations.json", document)
    for name in names:
        save(root / name)
        save(root / name.replace("JPEGImages", "Visualization"))


def via(root: Path) -> None:
    """Image ids as text, one flat polygon, categories under their attribute, sizes of 0."""
    names = [f"{n}.jpg" for n in range(COUNT)]
    document = coco(names, 1)
    for image in document["images"]:
        image |= {"width": 0, "height": 0, "license": 0, "flickr_url": image["file_name"]}
    for annotation in document["annotations"]:
        annotation["image_id"] = str(annotation["image_id"])
        annotation["segmentation"] = annotation["segmentation"][0]
    for category in document["categories"]:
        category["supercategory"] = "animal"
    document["licenses"] = [{"id": 0, "name": "Unknown License", "url": ""}]
    dump(root / "via_export_coco.json", document)
    for name in names:
        save(root / name)


def labelme(root: Path) -> None:
    """A JSON an image, with a rectangle for the cat and the dog in two parts, a mask and a rest;
    the photographs are in the JSON too, as LabelMe leaves them unless told not to."""
    for n in range(COUNT):
        shapes = [
            {"label": "cat", "points": [[30, 30], [10, 10]], "shape_type": "rectangle",
             "group_id": None, "flags": {}},
            {"label": "dog", "points": [[40, 5], [50, 5], [50, 10], [40, 10]], "group_id": 3},
            {"label": "dog", "points": [[40, 10], [49, 14]], "shape_type": "mask", "group_id": 3,
             "mask": png(np.ones((5, 10), bool))},
            {"label": "__ignore__", "points": [[0, 0], [5, 0], [5, 5]], "shape_type": "polygon"},
        ]  # fmt: skip
        save(root / "photos" / f"{n}.jpg")
        stored = base64.b64encode((root / "photos" / f"{n}.jpg").read_bytes()).decode()
        dump(root / "json" / f"{n}.json", {
            "version": "5.5.0", "flags": {}, "shapes": shapes, "imagePath": f"..\\photos\\{n}.jpg",
            "imageData": stored, "imageHeight": HEIGHT, "imageWidth": WIDTH,
        })  # fmt: skip


def png(mask: np.ndarray) -> str:
    buffer = io.BytesIO()
    Image.fromarray(mask).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


# tool -> (data set, how it writes)
TOOLS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "roboflow": ("coco_export", roboflow),
    "cvat": ("coco_export", cvat),
    "label_studio": ("coco_export", label_studio),
    "labelme_coco": ("coco_export", labelme_coco),
    "labelme": ("labelme", labelme),
    "via": ("coco_export", via),
}
