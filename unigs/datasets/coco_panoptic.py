"""COCO panoptic: a JSON file, one PNG of segment ids an image, and the JPEGs.

Layout: `annotations/panoptic_{split}2017.json`, `annotations/panoptic_{split}2017/*.png`,
`{split}2017/*.jpg`. A pixel of the PNG holds the id R + 256 G + 65536 B; 0 is unlabelled. Map and
record stand or fall together: one bad segment refuses the image.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from unigs.datasets.coco_dataset import CocoDataset
from unigs.datasets.coco_records import ImageRecord
from unigs.datasets.dataset import field, inside
from unigs.datasets.label_map import Region, check_box, scene_from_regions
from unigs.datasets.photo import annotation_digest
from unigs.errors import DataError
from unigs.io.image_file import decode_labels, read_bytes
from unigs.io.segment_ids import rgb_to_id
from unigs.scene import Scene


class CocoPanoptic(CocoDataset):
    """One split of COCO panoptic, or of a data set in its format."""

    def __init__(self, name: str, root: Path, split: str) -> None:
        file = root / "annotations" / f"panoptic_{split}2017.json"
        folders = (root / f"{split}2017", file.with_suffix(""))
        super().__init__(name, root, split, file, folders)

    def files(self, image: ImageRecord) -> tuple[Path, ...]:
        names = [field(annotation, "file_name", str) for annotation in image.annotations]
        return (*super().files(image), *(inside(self.folders[1], name) for name in names))

    def read_image(self, image: ImageRecord, files: tuple[Path, ...]) -> Iterator[Scene]:
        photo = self.photo(image, files[0])
        label_files = files[1:]
        if len(label_files) != 1:
            raise DataError(f"has {len(label_files)} annotations, expected 1")
        png = read_bytes(label_files[0])
        ids = segment_ids(png, label_files[0])
        if ids.shape != (photo.height, photo.width):
            raise DataError(
                f"label image is {ids.shape[0]}x{ids.shape[1]},"
                f" its image {photo.height}x{photo.width}",
                file=label_files[0],
            )
        infos = field(image.annotations[0], "segments_info", list)
        yield scene_from_regions(
            ids,
            [self._region(info) for info in infos],
            photo,
            key=image.key,
            dataset=self,
            digest=annotation_digest(image.annotations[0], png),
            licence=self.licence(image),
        )

    def _region(self, info: Any) -> Region:
        number = field(info, "id", int)
        category = self.categories.get(field(info, "category_id", int))
        if not 0 < number < 2**24:
            raise DataError(f"segment id {number} is not in 1..{2**24 - 1}")
        if category is None:
            raise DataError(f"segment {number} has unknown category id {info['category_id']}")
        check_box(info.get("bbox"))
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
    return rgb_to_id(colors)
