"""A COCO annotation file of any size, parsed once and read image by image."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unigs.datasets.class_names import class_names, source_text
from unigs.datasets.dataset import Category
from unigs.datasets.json_stream import stream_members
from unigs.datasets.staging import Staging
from unigs.errors import DataError, one_line
from unigs.io.annotations.record_values import field, identity, other_form, said_size
from unigs.io.annotations.segment_ids import is_thing

IDS_REPEAT = "annotation has the id of one before it, which nothing needs"
FILE_AGAIN = "file listed twice with two ids: the annotations of both belong to one image"
IMAGE_AGAIN = "image listed twice with one id and one file"
MAX_NUMBER = 2**62
NO_CLASSES = ("_background_", "__ignore__")
NUMBERED = "category id is no whole number: the class is numbered anew"


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """An image of the file with everything said of it.

    Attributes:
        key: the key of its scene.
        file: its file, if there was one of that name.
        image: the record in "images".
        annotations: the records in "annotations" that refer to it, in the order of the file.
    """

    key: str
    file: Path | None
    image: dict[str, Any]
    annotations: tuple[dict[str, Any], ...]


class CocoRecords:
    """The records of one file; memory holds its categories and licences alone.

    Args:
        path: the JSON file.
        locate: finds the image file of a name; raise DataError if the name is none.

    Attributes:
        categories: the classes by number.
        notes: assumptions made -> how often.
        masks: annotations that have a segmentation.
        boxes: annotations that have a box and no segmentation.
        headings: numbers of categories that no annotation names and that are no classes: the one
            that Roboflow puts over all others, `_background_` and `__ignore__` of LabelMe.

    Raises:
        DataError: the file is unreadable, or lacks images or categories.
    """

    def __init__(self, path: Path, locate: Callable[[str], Path]) -> None:
        self.path = path
        self.categories: dict[int, Category] = {}
        self.licences: dict[str, str] = {}
        self.notes: Counter[str] = Counter()
        self.masks = self.boxes = 0
        self.headings: frozenset[int] = frozenset()
        self._named: set[Any] = set()
        self.staging = Staging(path)
        self._locate = locate
        self._by_id: dict[str, Category] = {}
        self._by_number: dict[int, Category] = {}
        with self.staging:
            self._stage()
        if not self.categories:
            raise DataError("holds no categories", file=path)
        if not len(self.staging):
            reasons = [reason for _, reason in self.staging.quarantined()]
            why = f": {reasons[0]}" if reasons else ": the data set is empty"
            raise DataError(f"holds no images{why}", file=path)

    def __iter__(self) -> Iterator[ImageRecord]:
        """Yield the images in the order of the file."""
        for key, file, image, records in self.staging:
            annotations = tuple(json.loads(text) for text in records)
            yield ImageRecord(key, file, json.loads(image), annotations)

    def category(self, record: Any) -> Category:
        """Return the class that the record of an annotation or a segment names.

        Raises DataError if it names none.
        """
        plain = record.get("category_id") if isinstance(record, dict) else None
        # true is 1 to a dictionary, but no id
        if type(plain) is int and plain in self._by_number:
            return self._by_number[plain]
        wanted = identity(record, "category_id")
        found = self._by_id.get(wanted) or self._by_id.get(other_form(wanted))
        if found is None:
            raise DataError(f"unknown category id {record['category_id']}")
        return found

    def licence(self, image: dict[str, Any]) -> str | None:
        """Return the name of the licence of an image."""
        try:
            return self.licences.get(identity(image, "license"))
        except DataError:
            return None

    def _stage(self) -> None:
        counts = {"images": 0, "annotations": 0, "categories": 0}
        categories: list[tuple[str, Any]] = []
        for member, text, value in stream_members(self.path):
            if member == "licenses":
                self._add_licence(value)
            elif member in counts:
                place = f"{member}[{counts[member]}]"
                counts[member] += 1
                try:
                    if member == "categories":
                        categories.append((place, value))
                    elif member == "images":
                        self._add_image(counts[member], text, value)
                    else:
                        self._add_annotation(counts[member], text, value)
                except DataError as error:
                    self.staging.quarantine(place, error.reason)
        self._add_categories(categories)

    def _add_image(self, number: int, text: str, value: Any) -> None:
        name, image = field(value, "file_name", str), identity(value, "id")
        try:
            file = self._locate(name)
        except DataError:
            # reported when the image is read, so that its annotations are not reported as well
            self.staging.add_image(number, image, name, text)
            return
        before = self.staging.image_of(file)
        if before is None:
            self.staging.add_image(number, image, name, text, file)
            return
        same, record = before
        sides = zip(said_size(json.loads(record)), said_size(value), strict=True)
        if any(None not in both and both[0] != both[1] for both in sides):
            raise DataError(f"image {value['id']} has the file name of an image before it, but"
                            " another size")  # fmt: skip
        if same != image:
            self.staging.add_alias(image, same)
        self.notes[IMAGE_AGAIN if same == image else FILE_AGAIN] += 1

    def _add_annotation(self, number: int, text: str, value: Any) -> None:
        image = identity(value, "image_id")
        if value.get("segmentation"):
            self.masks += 1
        elif value.get("bbox"):
            self.boxes += 1
        named = value.get("category_id")
        if isinstance(named, int | float | str) and not isinstance(named, bool):
            self._named.add(named)
        try:
            own = identity(value, "id")
        except DataError:
            # a panoptic annotation has no id of its own, and no reader needs one
            own = None
        try:
            self.staging.add_record(number, image, text, own)
        except DataError:
            self.staging.add_record(number, image, text)
            self.notes[IDS_REPEAT] += 1

    def _add_categories(self, listed: list[tuple[str, Any]]) -> None:
        found: dict[str, tuple[str, Any]] = {}
        for place, value in listed:
            try:
                own = identity(value, "id")
                source_text(value.get("name"))
                is_thing(value)
                if own in found:
                    raise DataError(f"category {value['id']} is listed twice")
                found[own] = (place, value)
            except DataError as error:
                self.staging.quarantine(place, error.reason)
        numbers = self._numbers(list(found))
        names, notes = class_names(
            {numbers[own]: value.get("name") for own, (_, value) in found.items()}
        )
        self.notes.update(notes)
        for own, (_, value) in found.items():
            number, source = numbers[own], source_text(value.get("name"))
            self._by_id[own] = Category(number, names[number], source, is_thing(value))
            self.categories[number] = self._by_id[own]
            if own == f"n{number}":
                self._by_number[number] = self._by_id[own]
        self.headings = self._find_headings([value for _, value in found.values()])

    def _find_headings(self, listed: list[dict[str, Any]]) -> frozenset[int]:
        over = {one["supercategory"] for one in listed if isinstance(one.get("supercategory"), str)}
        headings = {
            self.category({"category_id": one["id"]}).id
            for one in listed
            if one.get("name") in NO_CLASSES
            or (one.get("supercategory") == "none" and one.get("name") in over)
        }
        for named in self._named if headings else ():
            with suppress(DataError):
                headings.discard(self.category({"category_id": named}).id)
        return frozenset(headings)

    def _numbers(self, ids: list[str]) -> dict[str, int]:
        """Return the ids as numbers: their own where they have one that no other has."""
        numbers: dict[str, int] = {}
        taken: set[int] = set()
        # numbers come before texts that look like them
        for own in sorted(ids, key=lambda own: own[0]):
            # longer ones are none that a file of ours could hold
            number = int(own[1:]) if re.fullmatch(r"-?[0-9]{1,19}", own[1:]) else MAX_NUMBER
            if abs(number) < MAX_NUMBER and number not in taken:
                numbers[own] = number
                taken.add(number)
        for own in ids:
            if own not in numbers:
                numbers[own] = max(taken, default=0) + 1
                taken.add(numbers[own])
                self.notes[NUMBERED] += 1
        return numbers

    def _add_licence(self, value: Any) -> None:
        try:
            own = identity(value, "id")
        except DataError:
            return
        # LabelMe writes null for both
        said = value.get("name") or value.get("url")
        if said:
            self.licences[own] = one_line(str(said))
