"""`shapes`: a generated data set, written to disk in the layout and format of COCO panoptic."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from unigs.datasets.shapes.ground import STUFF
from unigs.datasets.shapes.scene import draw_scene
from unigs.datasets.shapes.things import THINGS
from unigs.errors import DataError
from unigs.io.files import write_if_changed
from unigs.io.pool import processes

__all__ = ["write_shapes"]

SPLITS = ("train", "val")
DESCRIPTION = "UniGS generated shapes"
PRELOAD = ["unigs.datasets.shapes.generate"]
VAL_IDS_FROM = 500_000
MIN_SIZE = 32
MAX_SIZE = 2048
LICENCE = {
    "id": 1,
    "name": "CC0 1.0 Public Domain Dedication",
    "url": "https://creativecommons.org/publicdomain/zero/1.0/",
}


def write_shapes(
    root: Path | str,
    train: int,
    val: int,
    size: int = 64,
    seed: int = 0,
    workers: int = 1,
    progress: Callable[[int], object] | None = None,
) -> None:
    """Write the data set, byte for byte the same for the same arguments.

    Scene i of a split depends on (seed, split, i, size) alone: raising `train` or `val` leaves the
    scenes before untouched, and a file that already holds the right bytes is not written again.
    Scenes that an earlier, longer version of the set had are removed.

    Args:
        root: folder; becomes `annotations/panoptic_{split}2017.json`,
            `annotations/panoptic_{split}2017/*.png` and `{split}2017/*.jpg`.
        train: number of training scenes.
        val: number of validation scenes.
        size: side of every image in pixels, 32 to 2048.
        seed: not negative.
        workers: processes; the bytes do not depend on it.
        progress: called with 1 after each scene.

    Raises:
        DataError: an argument out of range, `root` holds another data set or cannot be written.
        TransientError: one of the processes was killed; what is written stays.
    """
    root = Path(root)
    if not MIN_SIZE <= size <= MAX_SIZE:
        raise DataError(f"size {size} is not in {MIN_SIZE}..{MAX_SIZE}")
    if min(train, val, seed) < 0 or workers < 1 or train >= VAL_IDS_FROM:
        raise DataError(f"train={train}, val={val}, seed={seed}, workers={workers} out of range")
    try:
        with _mapper(workers) as mapper:
            for split, count in zip(SPLITS, (train, val), strict=True):
                _write_split(root, split, count, size, seed, mapper, progress)
    except OSError as error:
        raise DataError(f"cannot write: {error.strerror or error}", file=error.filename) from error


@contextmanager
def _mapper(workers: int) -> Iterator[Callable[..., Iterator[Any]]]:
    if workers == 1:
        yield map
        return
    with processes(workers, PRELOAD) as pool:
        yield partial(pool.map, chunksize=16)


def _write_split(
    root: Path,
    split: str,
    count: int,
    size: int,
    seed: int,
    mapper: Callable[..., Iterator[Any]],
    progress: Callable[[int], object] | None,
) -> None:
    annotation_file = root / "annotations" / f"panoptic_{split}2017.json"
    stale = _files_of(annotation_file, split)
    for folder in (root / f"{split}2017", annotation_file.with_suffix("")):
        folder.mkdir(parents=True, exist_ok=True)
    images, annotations = [], []
    scenes = mapper(
        _write_scene, repeat(root), repeat(split), range(count), repeat(size), repeat(seed)
    )
    for image, annotation in scenes:
        images.append(image)
        annotations.append(annotation)
        if progress is not None:
            progress(1)
    document = {
        "info": {"description": DESCRIPTION, "version": "1.0", "year": 2024, "seed": seed},
        "licenses": [LICENCE],
        "images": images,
        "annotations": annotations,
        "categories": categories(),
    }
    write_if_changed(annotation_file, json.dumps(document).encode())
    for file in stale - _listed(root, split, images, annotations):
        file.unlink(missing_ok=True)


def categories() -> list[dict[str, Any]]:
    """Return the categories of the set as COCO panoptic writes them."""
    kinds = [(kind.name, kind.category_id, 1, "thing") for kind in THINGS]
    kinds += [(kind.name, kind.category_id, 0, "stuff") for kind in STUFF]
    return [
        {"supercategory": group, "isthing": isthing, "id": number, "name": name}
        for name, number, isthing, group in kinds
    ]


def _files_of(annotation_file: Path, split: str) -> set[Path]:
    """Return what an earlier call wrote; an annotation file of another origin is not ours to
    replace."""
    if not annotation_file.exists():
        return set()
    try:
        document = json.loads(annotation_file.read_bytes())
        if document["info"]["description"] == DESCRIPTION:
            root = annotation_file.parent.parent
            return _listed(root, split, document["images"], document["annotations"])
    except (ValueError, KeyError, TypeError):
        pass
    raise DataError(
        "not written by this generator", file=annotation_file, hint="choose another folder"
    )


def _listed(
    root: Path, split: str, images: list[dict[str, Any]], annotations: list[dict[str, Any]]
) -> set[Path]:
    pngs = root / "annotations" / f"panoptic_{split}2017"
    # a name is taken from the file name alone, so that no edited record can point elsewhere
    return {root / f"{split}2017" / Path(image["file_name"]).name for image in images} | {
        pngs / Path(annotation["file_name"]).name for annotation in annotations
    }


def _write_scene(
    root: Path, split: str, index: int, size: int, seed: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    rng = np.random.default_rng(np.random.SeedSequence([seed, SPLITS.index(split), index]))
    drawing = draw_scene(size, rng)
    number = index + 1 + (VAL_IDS_FROM if split == "val" else 0)
    ids = np.zeros(int(drawing.labels.max()) + 1, dtype=np.uint32)
    ids[1:] = 1 + rng.choice(2**24 - 1, len(ids) - 1, replace=False)

    jpeg, png = io.BytesIO(), io.BytesIO()
    Image.fromarray(drawing.image).save(jpeg, "JPEG", quality=95, subsampling=0)
    colors = ids[drawing.labels].view(np.uint8).reshape(size, size, 4)[..., :3]
    Image.fromarray(np.ascontiguousarray(colors)).save(png, "PNG")
    write_if_changed(root / f"{split}2017" / f"{number:012d}.jpg", jpeg.getvalue())
    name = f"{number:012d}.png"
    write_if_changed(root / "annotations" / f"panoptic_{split}2017" / name, png.getvalue())

    segments = []
    for segment in drawing.segments:
        rows, columns = np.nonzero(drawing.labels == segment.label)
        left, top = int(columns.min()), int(rows.min())
        segments.append(
            {
                "id": int(ids[segment.label]),
                "category_id": segment.kind.category_id,
                "iscrowd": int(segment.crowd),
                "bbox": [left, top, int(columns.max()) + 1 - left, int(rows.max()) + 1 - top],
                "area": len(rows),
            }
        )
    image = {
        "license": 1,
        "file_name": f"{number:012d}.jpg",
        "height": size,
        "width": size,
        "id": number,
    }
    return image, {"segments_info": segments, "file_name": name, "image_id": number}
