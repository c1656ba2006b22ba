"""COCO instances: one JSON file with polygons and run lengths, and the JPEGs.

Layout: `annotations/instances_{split}2017.json`, `{split}2017/*.jpg`. An annotation that is broken,
or that smaller ones hide completely, is refused alone: its pixels stay unlabelled.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from unigs.datasets.coco_dataset import CocoDataset
from unigs.datasets.coco_records import ImageRecord, identifier
from unigs.datasets.dataset import field
from unigs.datasets.instance_masks import Rle, flatten, rle_of
from unigs.datasets.label_map import Region, check_box, scene_from_regions
from unigs.datasets.photo import Photo, annotation_digest
from unigs.errors import DataError
from unigs.scene import Quarantined, Scene


class CocoInstances(CocoDataset):
    """One split of COCO instances, or of a data set in its format."""

    def __init__(self, name: str, root: Path, split: str) -> None:
        file = root / "annotations" / f"instances_{split}2017.json"
        super().__init__(name, root, split, file, (root / f"{split}2017",))

    def read_image(
        self, image: ImageRecord, files: tuple[Path, ...]
    ) -> Iterator[Scene | Quarantined]:
        photo = self.photo(image, files[0])
        if not image.annotations:
            raise DataError("has no annotation")
        sound: list[tuple[dict[str, Any], bool, Rle]] = []
        for annotation in image.annotations:
            try:
                sound.append((annotation, *self._mask(annotation, photo)))
            except DataError as error:
                yield self._refused(annotation, error)
        crowds = [crowd for _, crowd, _ in sound]
        rles = [rle for _, _, rle in sound]
        ids, visible = flatten(rles, crowds, photo.height, photo.width)
        regions = []
        for number, (annotation, crowd, _) in enumerate(sound, start=1):
            if visible[number - 1]:
                category = self.categories[annotation["category_id"]]
                regions.append(Region(number, category, str(annotation.get("id", number)), crowd))
            else:
                yield self._refused(annotation, DataError("hidden by smaller ones"))
        yield scene_from_regions(
            ids,
            regions,
            photo,
            key=image.key,
            dataset=self,
            digest=annotation_digest(image.annotations),
            licence=self.licence(image),
        )

    def _mask(self, annotation: dict[str, Any], photo: Photo) -> tuple[bool, Rle]:
        number = identifier(annotation, "category_id")
        if number not in self.categories:
            raise DataError(f"unknown category id {number}")
        check_box(annotation.get("bbox"))
        segmentation = field(annotation, "segmentation", object)
        crowd = annotation.get("iscrowd", 0) == 1
        return crowd, rle_of(segmentation, photo.height, photo.width)

    def _refused(self, annotation: dict[str, Any], error: DataError) -> Quarantined:
        record = f"annotation {annotation.get('id')} of image {annotation['image_id']}"
        return self.quarantined(record, error, self.annotation_file)
