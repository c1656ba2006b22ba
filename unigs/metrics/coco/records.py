"""COCO instances and results, checked record by record for what COCOeval trusts.

Ids are numbered anew from 1 in their order: to COCOeval an annotation id of 0 means "unmatched",
and ids that are texts, above 63 bits or listed twice change its metrics silently.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pycocotools import mask as coco_mask

from unigs.errors import DataError
from unigs.io.mask_codes import MAX_PIXELS, mask_code
from unigs.metrics.coco.fields import (
    Ids,
    flag,
    identifier,
    number,
    record_of,
    records_of,
    required,
    shown,
    whole,
)

Checked = TypeVar("Checked")


@dataclass(slots=True)
class GroundTruth:
    """A checked ground truth.

    Attributes:
        sizes: (h, w) of image 1, 2, ...
        image_ids, category_ids: from the ids given to the new ones.
        class_agnostic: every category is 1.
        annotations: with ids from 1, compressed masks, areas and `iscrowd` 0 or 1; those whose
            mask has no pixel are left out.
        empty: how many that are.
    """

    sizes: list[tuple[int, int]]
    image_ids: Ids
    category_ids: Ids
    class_agnostic: bool
    annotations: list[dict[str, Any]] = field(default_factory=list)
    empty: int = 0

    @property
    def dataset(self) -> dict[str, Any]:
        """The COCO instances dictionary of it."""
        count = 1 if self.class_agnostic else len(self.category_ids)
        return {
            "images": [
                {"id": index, "height": height, "width": width}
                for index, (height, width) in enumerate(self.sizes, 1)
            ],
            "annotations": self.annotations,
            "categories": [{"id": index, "name": str(index)} for index in range(1, count + 1)],
        }

    def image(self, record: Mapping[str, Any]) -> int:
        """Return the new id of the image that a record names."""
        found = self.image_ids.find(identifier(record, "image_id"))
        if found is None:
            raise DataError(f"image {shown(record['image_id'])} is not in the ground truth")
        return found

    def category(self, record: Mapping[str, Any]) -> int:
        """Return the new id of the category that a record names."""
        if self.class_agnostic:
            return 1
        found = self.category_ids.find(identifier(record, "category_id"))
        if found is None:
            raise DataError(
                f"category {shown(record['category_id'])} is not in the ground truth",
                hint="list it there, or take every category as one: --class-agnostic",
            )
        return found


def checked_truth(
    content: Mapping[str, Any], class_agnostic: bool = False, name: str = "ground truth"
) -> GroundTruth:
    """Check a COCO instances dictionary, which stays as it is.

    Raises:
        DataError: it names the file or what else `name` says, the record and the fault.
    """
    images = _part(content, "images", name)
    sizes = _each(images, "images", name, _size)
    categories = [] if class_agnostic else _part(content, "categories", name)
    kinds = _each(categories, "categories", name, identifier)
    try:
        image_ids = Ids([identifier(image) for image in images], "image")
        category_ids = Ids(kinds, "category")
    except DataError as error:
        raise DataError(str(error), file=name) from error
    in_order = sorted(zip(images, sizes, strict=True), key=lambda one: image_ids[one[0]["id"]])
    truth = GroundTruth([size for _, size in in_order], image_ids, category_ids, class_agnostic)
    records = _part(content, "annotations", name)
    found = _each(records, "annotations", name, lambda record: _annotation(record, truth))
    for record in found:
        if record is not None:
            truth.annotations.append({"id": len(truth.annotations) + 1, **record})
    truth.empty = len(found) - len(truth.annotations)
    return truth


def checked_results(
    results: Iterable[Mapping[str, Any]], truth: GroundTruth, name: str = "predictions"
) -> tuple[list[dict[str, Any]], int]:
    """Check COCO results against the ground truth they belong to.

    Returns:
        The results with the new ids and compressed masks, those without a pixel left out, and
        how many were given.

    Raises:
        DataError: as `checked_truth`.
    """
    found = _each(list(results), "results", name, lambda record: _result(record, truth))
    return [record for record in found if record is not None], len(found)


def _size(record: Mapping[str, Any]) -> tuple[int, int]:
    required(record, "id", "height", "width")
    identifier(record)
    height, width = (whole(record, side, 1, MAX_PIXELS) for side in ("height", "width"))
    if height * width > MAX_PIXELS:
        raise DataError(f"{height}x{width} pixels, COCO's run lengths hold {MAX_PIXELS}")
    return height, width


def _annotation(record: Mapping[str, Any], truth: GroundTruth) -> dict[str, Any] | None:
    required(record, "image_id", "category_id", "segmentation")
    image, category = truth.image(record), truth.category(record)
    code = mask_code(record["segmentation"], *truth.sizes[image - 1])
    crowd = flag(record, "iscrowd")
    pixels = int(coco_mask.area(code))
    area = float(pixels) if record.get("area") is None else number(record, "area")
    if not pixels:
        return None
    return {
        "image_id": image,
        "category_id": category,
        "segmentation": code,
        "iscrowd": int(crowd),
        "area": area,
    }


def _result(record: Mapping[str, Any], truth: GroundTruth) -> dict[str, Any] | None:
    required(record, "image_id", "category_id", "segmentation", "score")
    image, category = truth.image(record), truth.category(record)
    score = number(record, "score")
    code = mask_code(record["segmentation"], *truth.sizes[image - 1])
    if not coco_mask.area(code):
        return None
    return {"image_id": image, "category_id": category, "segmentation": code, "score": score}


def _part(content: Mapping[str, Any], part: str, name: str) -> list[Any]:
    try:
        return records_of(content, part, "instances")
    except DataError as error:
        raise DataError(str(error), file=name) from error


def _each(
    records: list[Any], part: str, name: str, check: Callable[[Mapping[str, Any]], Checked]
) -> list[Checked]:
    """`check` of every record; an error names the file and the record."""
    checked = []
    for index, record in enumerate(records):
        try:
            checked.append(check(record_of(record)))
        except DataError as error:
            raise DataError(str(error), file=name, record=f"{part}[{index}]") from error
    return checked
