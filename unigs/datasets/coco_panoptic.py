"""COCO panoptic: a JSON file, one PNG of segment ids an image, and the JPEGs.

Layout: `annotations/panoptic_{split}2017.json`, `annotations/panoptic_{split}2017/*.png`,
`{split}2017/*.jpg`. A pixel of the PNG holds the id R + 256 G + 65536 B; 0 is unlabelled.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from unigs.datasets.coco_records import CocoRecords, ImageRecord, canonical
from unigs.datasets.dataset import Category, Dataset, field, inside
from unigs.datasets.label_map import Region, finite_box, scene_from_regions
from unigs.errors import DataError
from unigs.image_file import decode_labels, read_bytes, verified_size
from unigs.scene import Quarantined, Scene


class CocoPanoptic(Dataset):
    """One split of COCO panoptic, or of a data set in its format."""

    def __init__(self, name: str, root: Path, split: str) -> None:
        super().__init__(name, root, split)
        self.annotation_file = root / "annotations" / f"panoptic_{split}2017.json"
        self.label_folder = self.annotation_file.with_suffix("")
        self.image_folder = root / f"{split}2017"
        if not self.annotation_file.is_file():
            raise DataError("no such file", file=self.annotation_file, mend="check root and split")
        for folder in (self.label_folder, self.image_folder):
            if not folder.is_dir():
                raise DataError("no such folder", file=folder, mend="check root and split")

    @cached_property
    def _records(self) -> CocoRecords:
        return CocoRecords(self.annotation_file)

    @property
    def categories(self) -> dict[int, Category]:
        return self._records.categories

    def scan(self) -> Iterator[Scene | Quarantined]:
        file = self.relative(self.annotation_file)
        for refused, reason in self._records.refused():
            yield Quarantined(file, refused, reason)
        for record in self._records:
            try:
                yield self._scene(record)
            except DataError as error:
                yield self.quarantined(f"image {record.image['id']}", error, self.annotation_file)
        for entry in sorted(os.listdir(self.image_folder)):
            if not self._records.lists(entry):
                path = self.relative(self.image_folder / entry)
                yield Quarantined(path, "image", "the annotation file does not list it")

    def _scene(self, record: ImageRecord) -> Scene:
        image_file = inside(self.image_folder, field(record.image, "file_name", str))
        if len(record.annotations) != 1:
            raise DataError(f"has {len(record.annotations)} annotations, expected 1")
        annotation = record.annotations[0]
        data = read_bytes(image_file)
        size = verified_size(data, image_file)
        label_file = inside(self.label_folder, field(annotation, "file_name", str))
        png = read_bytes(label_file)
        ids = segment_ids(png, label_file)
        if ids.shape != size:
            raise DataError(f"is {ids.shape}, its image {size} (height, width)", file=label_file)
        infos = field(annotation, "segments_info", list)
        return scene_from_regions(
            ids,
            [self._region(info) for info in infos],
            key=record.key,
            dataset=self.name,
            split=self.split,
            image_file=image_file,
            image_digest=hashlib.sha256(data).hexdigest(),
            annotation_digest=hashlib.sha256(canonical(annotation) + png).hexdigest(),
            licence=self._records.licences.get(record.image.get("license", -1)),
        )

    def _region(self, info: Any) -> Region:
        number = field(info, "id", int)
        category = self.categories.get(field(info, "category_id", int))
        if not 0 < number < 2**24:
            raise DataError(f"segment id {number} is not in 1..{2**24 - 1}")
        if category is None:
            raise DataError(f"segment {number} has unknown category id {info['category_id']}")
        finite_box(info, number)
        return Region(number, category, str(number), info.get("iscrowd", 0) == 1)


def segment_ids(png: bytes, path: Path) -> np.ndarray:
    """The ids a panoptic PNG holds.

    Returns:
        (h, w) int32.

    Raises:
        DataError: no 8-bit RGB PNG, or one that does not decode.
    """
    colors = decode_labels(png, path)
    # byte 24 of a PNG is its bit depth; Pillow would silently halve 16-bit colours
    if colors.ndim != 3 or colors.shape[2] != 3 or png[24] != 8:
        raise DataError("is not an 8-bit RGB PNG", file=path)
    wide = colors.astype(np.int32)
    return wide[..., 0] + 256 * wide[..., 1] + 65536 * wide[..., 2]
