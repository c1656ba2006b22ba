"""A COCO annotation file of any size, parsed once and read image by image."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unigs.datasets.class_names import prompt_name
from unigs.datasets.dataset import Category, field, scene_key
from unigs.datasets.json_stream import stream_members
from unigs.datasets.staging import Staging
from unigs.errors import DataError, one_line


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """An image of the file with everything said of it.

    Attributes:
        key: the key of its scene.
        image: the record in "images".
        annotations: the records in "annotations" that refer to it, in the order of the file.
    """

    key: str
    image: dict[str, Any]
    annotations: tuple[dict[str, Any], ...]


class CocoRecords:
    """The records of one file; memory holds its categories and licences alone.

    Raises:
        DataError: the file is unreadable, or lacks images or categories.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.categories: dict[int, Category] = {}
        self.licences: dict[int, str] = {}
        self.staging = Staging(path)
        with self.staging:
            self._stage()
        if not self.categories:
            raise DataError("holds no categories", file=path)
        if not len(self.staging):
            raise DataError("holds no images: the data set is empty", file=path)

    def __iter__(self) -> Iterator[ImageRecord]:
        """The images in the order of the file."""
        for key, image, records in self.staging:
            yield ImageRecord(key, json.loads(image), tuple(json.loads(text) for text in records))

    def _stage(self) -> None:
        counts = {"images": 0, "annotations": 0, "categories": 0}
        for member, text, value in stream_members(self.path):
            if member == "licenses":
                self._add_licence(value)
            elif member in counts:
                counts[member] += 1
                try:
                    self._add(member, counts[member], text, value)
                except DataError as error:
                    self.staging.refuse(f"{member}[{counts[member] - 1}]", error.reason)

    def _add(self, member: str, number: int, text: str, value: Any) -> None:
        if member == "categories":
            self._add_category(value)
        elif member == "images":
            name = field(value, "file_name", str)
            self.staging.add_image(number, identifier(value, "id"), scene_key(name), text)
        else:
            # a panoptic annotation has no id of its own
            own = identifier(value, "id") if isinstance(value, dict) and "id" in value else None
            self.staging.add_record(number, identifier(value, "image_id"), text, own)

    def _add_category(self, value: Any) -> None:
        number = identifier(value, "id")
        name = field(value, "name", str)
        if number in self.categories:
            raise DataError(f"category {number} is listed twice")
        # the instances file has neither field: all its categories are things
        thing = value.get("isthing", value.get("type", "thing") == "thing")
        self.categories[number] = Category(number, prompt_name(name), name, bool(thing))

    def _add_licence(self, value: Any) -> None:
        if isinstance(value, dict) and isinstance(value.get("id"), int):
            self.licences[value["id"]] = one_line(str(value.get("name") or value.get("url")))


def identifier(record: Any, name: str) -> int:
    """The non-negative id in a field of a record; DataError if it holds no such number."""
    number = field(record, name, int)
    if not 0 <= number < 2**63:
        raise DataError(f"{name} {number} is out of range")
    return number
