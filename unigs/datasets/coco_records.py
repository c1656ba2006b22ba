"""A COCO annotation file of any size: its records staged on disk and joined image by image."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unigs.datasets.class_names import prompt_name
from unigs.datasets.dataset import Category, field, scene_key
from unigs.datasets.json_stream import stream_members
from unigs.errors import DataError

_SCHEMA = """
CREATE TABLE images (
    id INTEGER PRIMARY KEY, number INTEGER, key TEXT UNIQUE, file TEXT UNIQUE, text TEXT
);
CREATE TABLE annotations (image INTEGER, number INTEGER, text TEXT);
CREATE TABLE refused (record TEXT, reason TEXT);
"""


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
    """The records of one file.

    The file is parsed once and staged in a temporary SQLite database that is deleted when this
    object goes; memory holds the categories and licences alone.

    Raises:
        DataError: the file is unreadable, or lacks images or categories.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.categories: dict[int, Category] = {}
        self.licences: dict[int, str] = {}
        # the empty name asks SQLite for a private file in the temporary folder
        self._database = sqlite3.connect("", isolation_level=None)
        try:
            self._database.executescript(_SCHEMA)
            self._database.execute("BEGIN")
            self._stage()
            self._database.execute("COMMIT")
            self._database.execute("CREATE INDEX by_image ON annotations (image, number)")
        except sqlite3.OperationalError as error:
            raise DataError(
                f"cannot be staged in the temporary folder: {error}",
                file=path,
                mend="free space there or set TMPDIR",
            ) from error
        if not self.categories:
            raise DataError("holds no categories", file=path)
        if not len(self):
            raise DataError("holds no images: the data set is empty", file=path)

    def __len__(self) -> int:
        return int(self._database.execute("SELECT count(*) FROM images").fetchone()[0])

    def __iter__(self) -> Iterator[ImageRecord]:
        """The images in the order of the file."""
        images = self._database.execute("SELECT id, key, text FROM images ORDER BY number")
        for number, key, text in images:
            rows = self._database.execute(
                "SELECT text FROM annotations WHERE image = ? ORDER BY number", (number,)
            )
            yield ImageRecord(key, json.loads(text), tuple(json.loads(row) for (row,) in rows))

    def refused(self) -> Iterator[tuple[str, str]]:
        """Record and reason of what could not be staged or joined."""
        yield from self._database.execute("SELECT record, reason FROM refused ORDER BY rowid")
        orphans = self._database.execute(
            "SELECT image, count(*) FROM annotations WHERE image NOT IN (SELECT id FROM images)"
            " GROUP BY image ORDER BY image"
        )
        for image, count in orphans:
            yield f"image {image}", f"{count} annotation(s) of an image that is not listed"

    def lists(self, file_name: str) -> bool:
        """Whether an image of that file name is in the file."""
        found = self._database.execute("SELECT 1 FROM images WHERE file = ?", (file_name,))
        return found.fetchone() is not None

    def _stage(self) -> None:
        counts = {"images": 0, "annotations": 0, "categories": 0}
        for member, text, value in stream_members(self.path):
            if member == "licenses":
                self._add_licence(value)
            elif member in counts:
                counts[member] += 1
                record = f"{member}[{counts[member] - 1}]"
                try:
                    self._add(member, counts[member], text, value)
                except DataError as error:
                    self._database.execute(
                        "INSERT INTO refused VALUES (?, ?)", (record, str(error))
                    )

    def _add(self, member: str, number: int, text: str, value: Any) -> None:
        if member == "categories":
            self._add_category(value)
            return
        image = _identifier(value, "id" if member == "images" else "image_id")
        if member == "annotations":
            self._database.execute(
                "INSERT INTO annotations VALUES (?, ?, ?)", (image, number, text)
            )
            return
        name = field(value, "file_name", str)
        row = (image, number, scene_key(name), name.encode("utf-8", "replace").decode(), text)
        try:
            self._database.execute("INSERT INTO images VALUES (?, ?, ?, ?, ?)", row)
        except sqlite3.IntegrityError as error:
            twin = "id" if "images.id" in str(error) else "file name"
            raise DataError(f"image {image} has the {twin} of an image before it") from error

    def _add_category(self, value: Any) -> None:
        number = _identifier(value, "id")
        name = field(value, "name", str)
        if number in self.categories:
            raise DataError(f"category {number} is listed twice")
        # the instances file has neither field: all its categories are things
        thing = value.get("isthing", value.get("type", "thing") == "thing")
        self.categories[number] = Category(number, prompt_name(name), name, bool(thing))

    def _add_licence(self, value: Any) -> None:
        if isinstance(value, dict) and isinstance(value.get("id"), int):
            self.licences[value["id"]] = str(value.get("name") or value.get("url"))


def _identifier(record: Any, name: str) -> int:
    number = field(record, name, int)
    if not 0 <= number < 2**63:
        raise DataError(f"{name} {number} is out of range")
    return number


def canonical(record: Any) -> bytes:
    """A record as bytes that do not depend on the order of its fields or on white space."""
    return json.dumps(record, sort_keys=True, separators=(",", ":")).encode()
