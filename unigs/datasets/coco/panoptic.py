"""COCO panoptic: a JSON file, one PNG of segment ids per image, and the JPEGs.

Layout: `annotations/panoptic_{split}2017.json`, `annotations/panoptic_{split}2017/*.png`,
`{split}2017/*.jpg`. A pixel of the PNG holds the id R + 256 G + 65536 B; 0 is unlabelled. Map and
record stand or fall together: one bad segment quarantines the image.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from unigs.datasets.coco.dataset import CocoDataset
from unigs.datasets.coco.records import ImageRecord
from unigs.datasets.label_map import Region, check_box, scene_from_regions
from unigs.datasets.photo import annotation_digest
from unigs.errors import DataError
from unigs.io.annotations.file_names import located
from unigs.io.annotations.record_values import field, flag, identity, other_form
from unigs.io.annotations.segment_ids import read_segments, segment_id
from unigs.io.image_file import read_bytes
from unigs.scene import Quarantined, Scene


class CocoPanoptic(CocoDataset):
    """One split of COCO panoptic, or of a data set in its format."""

    def __init__(self, name: str, root: Path, split: str) -> None:
        file = self.annotations_at(root, split)
        folders = (root / f"{split}2017", file.with_suffix(""))
        super().__init__(name, root, split, file, folders)

    @staticmethod
    def annotations_at(root: Path, split: str) -> Path:
        return root / "annotations" / f"panoptic_{split}2017.json"

    def files(self, image: ImageRecord) -> tuple[Path, ...]:
        names = [field(annotation, "file_name", str) for annotation in self._own(image)]
        return (*super().files(image), *(located(self.folders[1], name) for name in names))

    def read_image(
        self, image: ImageRecord, files: tuple[Path, ...]
    ) -> Iterator[Scene | Quarantined]:
        label_files, own = files[1:], self._own(image)
        for annotation in image.annotations:
            if annotation not in own:
                error = DataError(
                    "its image has the file name of an image before it, and two maps of segments"
                    " cannot be one"
                )
                record = f"annotation of image {annotation['image_id']}"
                yield self.quarantined(record, error, self.annotation_file)
        if len(label_files) != 1:
            raise DataError(f"has {len(label_files)} annotations, expected 1")
        png = read_bytes(label_files[0])
        ids = read_segments(png, label_files[0])
        photo = self.photo(image, files[0], (ids.shape[0], ids.shape[1]))
        if ids.shape != (photo.height, photo.width):
            raise DataError(
                f"label image is {ids.shape[0]}x{ids.shape[1]},"
                f" its image {photo.height}x{photo.width}",
                file=label_files[0],
            )
        infos = field(own[0], "segments_info", list)
        yield scene_from_regions(
            ids,
            [self._region(info) for info in infos],
            photo,
            key=image.key,
            dataset=self,
            digest=annotation_digest(own[0], png),
            licence=self.document.licence(image.image),
            file_name=image.image["file_name"],
        )

    def _own(self, image: ImageRecord) -> list[dict[str, Any]]:
        """Return the annotations of an image that name it by its own id; those of another listing
        of the same file where there are none."""
        own = identity(image.image, "id")
        mine = [a for a in image.annotations if identity(a, "image_id") in (own, other_form(own))]
        if mine or not image.annotations:
            return mine
        first = identity(image.annotations[0], "image_id")
        return [a for a in image.annotations if identity(a, "image_id") == first]

    def _region(self, info: Any) -> Region:
        number = segment_id(info)
        try:
            category = self.document.category(info)
        except DataError as error:
            raise DataError(f"segment {number}: {error.reason}") from error
        check_box(info.get("bbox"))
        return Region(number, category, str(number), flag(info, "iscrowd", False))
