"""COCO instances: one JSON file with polygons and run lengths, and the JPEGs.

Layout: `annotations/instances_{split}2017.json`, `{split}2017/*.jpg`. An annotation that is broken,
or that smaller ones hide completely, is quarantined alone: its pixels stay unlabelled.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from unigs.datasets.coco.dataset import CocoDataset
from unigs.datasets.coco.records import ImageRecord
from unigs.datasets.dataset import Category, Record
from unigs.datasets.label_map import Region, check_box, scene_from_regions
from unigs.datasets.photo import Photo, annotation_digest
from unigs.errors import DataError
from unigs.io.annotations.record_values import flag, present, whole_number
from unigs.io.mask_codes import Rle, flatten, mask_code, not_empty
from unigs.scene import Quarantined, Scene


class CocoInstances(CocoDataset):
    """One split of COCO instances, or of a data set in its format."""

    def __init__(self, name: str, root: Path, split: str) -> None:
        file = self.annotations_at(root, split)
        super().__init__(name, root, split, file, (root / f"{split}2017",))

    @staticmethod
    def annotations_at(root: Path, split: str) -> Path:
        return root / "annotations" / f"instances_{split}2017.json"

    def records(self) -> Iterator[Record | Quarantined]:
        document = self.document
        if document.boxes and not document.masks:
            raise DataError(
                f"holds boxes only, {document.boxes} of them: masks are needed",
                file=self.annotation_file,
                hint="make masks of the boxes, e.g. with Segment Anything (SamModel of transformers"
                " takes input_boxes), or export polygons instead of boxes",
            )
        yield from super().records()

    def read_image(
        self, image: ImageRecord, files: tuple[Path, ...]
    ) -> Iterator[Scene | Quarantined]:
        photo = self.photo(image, files[0], _rle_size(image.annotations))
        if not image.annotations:
            raise DataError("has no annotation")
        sound: list[tuple[dict[str, Any], Category, bool, Rle]] = []
        for annotation in image.annotations:
            try:
                sound.append((annotation, *self._mask(annotation, photo)))
            except DataError as error:
                yield self._quarantined(annotation, error)
        crowds = [crowd for _, _, crowd, _ in sound]
        rles = [rle for *_, rle in sound]
        ids, visible = flatten(rles, crowds, photo.height, photo.width)
        names = [str(annotation.get("id")) for annotation, *_ in sound]
        if len(set(names)) < len(names) or "None" in names:
            names = [str(number) for number in range(1, len(names) + 1)]
        regions = []
        for number, (annotation, category, crowd, _) in enumerate(sound, start=1):
            if visible[number - 1]:
                regions.append(Region(number, category, names[number - 1], crowd))
            else:
                yield self._quarantined(annotation, DataError("hidden by smaller ones"))
        yield scene_from_regions(
            ids,
            regions,
            photo,
            key=image.key,
            dataset=self,
            digest=annotation_digest(image.annotations),
            licence=self.document.licence(image.image),
            file_name=image.image["file_name"],
            notes=self.scene_notes([annotation for annotation, *_ in sound]),
        )

    def is_crowd(self, annotation: dict[str, Any]) -> bool:
        """Return whether an annotation is a crowd region; raise DataError if it does not say."""
        return flag(annotation, "iscrowd", False)

    def scene_notes(self, annotations: Iterable[dict[str, Any]]) -> tuple[str, ...]:
        """Return the assumptions made in reading the annotations of an image."""
        return ()

    def _mask(self, annotation: dict[str, Any], photo: Photo) -> tuple[Category, bool, Rle]:
        category = self.document.category(annotation)
        check_box(annotation.get("bbox"))
        segmentation = present(annotation, "segmentation")
        crowd = self.is_crowd(annotation)
        return category, crowd, not_empty(mask_code(segmentation, photo.height, photo.width))

    def _quarantined(self, annotation: dict[str, Any], error: DataError) -> Quarantined:
        record = f"annotation {annotation.get('id')} of image {annotation['image_id']}"
        return self.quarantined(record, error, self.annotation_file)


def _rle_size(annotations: Iterable[dict[str, Any]]) -> tuple[int, int] | None:
    """Return the size (h, w) of the first run lengths among some annotations; None if there are
    none."""
    for annotation in annotations:
        rle = annotation.get("segmentation")
        size = rle.get("size") if isinstance(rle, dict) else None
        if isinstance(size, list) and len(size) == 2:
            height, width = map(whole_number, size)
            return (height, width) if height and width else None
    return None
