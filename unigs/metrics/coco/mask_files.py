"""Masks of COCO's three formats, image by image: instances, results, and panoptic with its PNGs.

Classes are not looked at, but for their names. Masks may overlap in instances and results.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from pycocotools import mask as coco_mask

from unigs.errors import DataError
from unigs.io.annotations.segment_ids import segment_id
from unigs.io.mask_codes import MAX_PIXELS, mask_code
from unigs.metrics.coco.fields import (
    flag,
    id_text,
    identifier,
    record_of,
    records_of,
    required,
    whole,
)
from unigs.metrics.coco.json_files import read_json
from unigs.metrics.coco.panoptic_files import PanopticFile

Size = tuple[int, int]


@dataclass(frozen=True, slots=True)
class ImageMasks:
    """The masks of one image.

    Attributes:
        size: (h, w); None of an image of a results file without a mask.
        codes: compressed run lengths of those that own a pixel and are no crowd.
        empty, crowd: how many own no pixel, and how many are crowd regions.
    """

    size: Size | None
    codes: list[dict[str, Any]] = field(default_factory=list)
    empty: int = 0
    crowd: int = 0


class MaskFile(Protocol):
    """A file of masks in any of the three formats; `read_masks` opens it.

    Attributes:
        images: those that the file lists, or has masks of, in its order.
        categories: ids of those that its masks have.
        names: of the categories that it lists, by their ids.
    """

    path: Path
    images: list[str]
    categories: set[str]
    names: Mapping[str, str]

    def masks(self, image: str, size: Size | None = None) -> ImageMasks:
        """Return the masks of an image.

        Args:
            size: (h, w) that they must have; None for that of the file.

        Raises:
            DataError: a record that is not in the format, or masks of another size.
        """
        ...


def read_masks(path: Path, folder: Path | None = None) -> MaskFile:
    """Open a file of masks, whose format its content tells.

    Args:
        folder: of the PNGs of a panoptic JSON; its path without ``.json`` if None.

    Raises:
        DataError: none of the three formats.
    """
    content = read_json(path)
    if isinstance(content, list):
        return RecordFile(path, content, "results", {}, {})
    if not isinstance(content, Mapping):
        raise DataError("not COCO's instances, results or panoptic JSON", file=path)
    annotations = content.get("annotations")
    first = annotations[0] if isinstance(annotations, list) and annotations else None
    if isinstance(first, Mapping) and "segments_info" in first:
        return PanopticMasks(path, folder or path.with_suffix(""))
    return _instances(path, content)


class RecordFile:
    """Instances or results: a list of records with a `segmentation` each.

    Args:
        records: of the masks.
        part: what the file calls them.
        sizes: (h, w) of the images that the file lists.
        names: of the categories that it lists.
    """

    def __init__(
        self,
        path: Path,
        records: Iterable[Any],
        part: str,
        sizes: Mapping[str, Size],
        names: Mapping[str, str],
    ) -> None:
        self.path, self.names, self._part, self._sizes = path, names, part, sizes
        self._records: defaultdict[str, list[tuple[int, Mapping[str, Any]]]] = defaultdict(list)
        self.categories: set[str] = set()
        for index, record in enumerate(records):
            try:
                required(record_of(record), "image_id", "segmentation")
                image = id_text(identifier(record, "image_id"))
            except DataError as error:
                raise self._told(index, error) from error
            if sizes and image not in sizes:
                raise self._told(index, DataError(f"image {image} is not listed in the file"))
            self._records[image].append((index, record))
            self.categories.add(id_text(record.get("category_id")))
        self.images = list(sizes) or list(self._records)

    def masks(self, image: str, size: Size | None = None) -> ImageMasks:
        own = self._sizes.get(image)
        if size is not None and own is not None and own != size:
            raise _other_size(self.path, image, own, size)
        size = size or own
        codes, empty, crowd = [], 0, 0
        for index, record in self._records.get(image, ()):
            try:
                size = size or _size_of(record["segmentation"])
                code = mask_code(record["segmentation"], *size)
                crowded = flag(record, "iscrowd")
            except DataError as error:
                raise self._told(index, error) from error
            if crowded:
                crowd += 1
            elif coco_mask.area(code):
                codes.append(code)
            else:
                empty += 1
        return ImageMasks(size, codes, empty, crowd)

    def _told(self, index: int, error: DataError) -> DataError:
        return DataError(str(error), file=self.path, record=f"{self._part}[{index}]")


class PanopticMasks:
    """A panoptic JSON with the folder of its PNGs."""

    def __init__(self, path: Path, folder: Path) -> None:
        self._file = PanopticFile(path, folder)
        self.path = path
        self._ids = {id_text(image): image for image in self._file.images}
        self.images = list(self._ids)
        try:
            self.names: Mapping[str, str] = _names_of(self._file.content, "panoptic")
        except DataError as error:
            raise DataError(str(error), file=path) from error
        self.categories = set(self._used())

    def masks(self, image: str, size: Size | None = None) -> ImageMasks:
        own = self._ids[image]
        segments = self._file.segments(own)
        if size is not None and segments.shape != size:
            raise _other_size(self._file.folder, image, segments.shape, size)
        _, crowd = self._file.classes(own, None)
        infos = self._file.record(own)["segments_info"]
        labels = [segment_id(info) for info in infos if segment_id(info) not in crowd]
        codes = [
            coco_mask.encode(np.asfortranarray(segments == label, dtype=np.uint8))
            for label in labels
        ]
        return ImageMasks((segments.shape[0], segments.shape[1]), codes, 0, len(crowd))

    def _used(self) -> Iterator[str]:
        for own in self._ids.values():
            for info in self._file.record(own)["segments_info"]:
                if isinstance(info, Mapping):
                    yield id_text(info.get("category_id"))


def _instances(path: Path, content: Mapping[str, Any]) -> RecordFile:
    try:
        sizes: dict[str, Size] = {}
        for record in records_of(content, "images", "instances"):
            required(record_of(record), "id", "height", "width")
            sides = [whole(record, side, 1, MAX_PIXELS) for side in ("height", "width")]
            image = id_text(identifier(record))
            if image in sizes:
                raise DataError(f"image {image} is listed twice")
            sizes[image] = (sides[0], sides[1])
        annotations = records_of(content, "annotations", "instances")
        names = _names_of(content, "instances")
    except DataError as error:
        raise DataError(str(error), file=path) from error
    return RecordFile(path, annotations, "annotations", sizes, names)


def _names_of(content: Mapping[str, Any], kind: str) -> dict[str, str]:
    if content.get("categories") is None:
        return {}
    categories = records_of(content, "categories", kind)
    listed = [record for record in categories if isinstance(record, Mapping) and "name" in record]
    return {id_text(record.get("id")): str(record["name"]) for record in listed}


def _size_of(segmentation: Any) -> Size:
    size = segmentation.get("size") if isinstance(segmentation, Mapping) else None
    if not isinstance(size, list | tuple) or len(size) != 2:
        raise DataError("polygons of an image of unknown size", hint="write RLE with a size")
    sides = dict(zip(("height", "width"), size, strict=True))
    return whole(sides, "height", 1, MAX_PIXELS), whole(sides, "width", 1, MAX_PIXELS)


def _other_size(path: Path, image: str, own: tuple[int, ...], size: Size) -> DataError:
    return DataError(
        f"image {image} is {own[0]}x{own[1]}, its truth {size[0]}x{size[1]}", file=path,
        hint="write the masks at the size of the truth",
    )  # fmt: skip
