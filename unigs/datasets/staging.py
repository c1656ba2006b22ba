"""Records staged on disk, so that annotations in any order can be joined image by image."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from unigs.errors import DataError

_SCHEMA = """
CREATE TABLE images (id UNIQUE, number INTEGER PRIMARY KEY, key TEXT UNIQUE, text TEXT);
CREATE TABLE records (id UNIQUE, number INTEGER PRIMARY KEY, image, text TEXT);
CREATE TABLE refused (record TEXT, reason TEXT);
CREATE TABLE seen (file TEXT PRIMARY KEY) WITHOUT ROWID;
"""


class Staging:
    """A temporary SQLite database of the source text of images and of records about images.

    It lies in the temporary folder and is deleted when this object goes. Ids are integers or text.

    Args:
        source: the file that is staged, for messages.
        order: column that orders the images: "number", as they were staged, or "id".
    """

    def __init__(self, source: Path, order: Literal["number", "id"] = "number") -> None:
        self.source = source
        self.order = order
        # the empty name asks SQLite for a private file that nobody else can open
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.executescript(_SCHEMA)

    def __enter__(self) -> Staging:
        self._database.execute("BEGIN")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        if kind is None:
            self._database.execute("COMMIT")
            self._database.execute("CREATE INDEX by_image ON records (image, number)")
        elif issubclass(kind, sqlite3.OperationalError):
            raise DataError(
                f"cannot be staged in the temporary folder: {error}",
                file=self.source,
                hint="free space there or set TMPDIR",
            )

    def add_image(self, number: int, image: int | str, key: str, text: str) -> None:
        """Stage an image; DataError if its id or its key was there before."""
        row = (image, number, key, text)
        try:
            self._database.execute("INSERT INTO images VALUES (?, ?, ?, ?)", row)
        except sqlite3.IntegrityError as error:
            twin = "id" if "images.id" in str(error) else "file name"
            raise DataError(f"image {image} has the {twin} of an image before it") from error

    def has_image(self, image: int | str) -> bool:
        """Whether an image of that id is staged."""
        row = self._database.execute("SELECT 1 FROM images WHERE id = ?", (image,)).fetchone()
        return row is not None

    def add_record(
        self, number: int, image: int | str, text: str, record: int | str | None = None
    ) -> None:
        """Stage a record about an image; DataError if its own id, where it has one, is taken."""
        row = (record, number, image, text)
        try:
            self._database.execute("INSERT INTO records VALUES (?, ?, ?, ?)", row)
        except sqlite3.IntegrityError as error:
            raise DataError(f"id {record} was given before") from error

    def refuse(self, record: str, reason: str) -> None:
        """Note a record that cannot be staged."""
        self._database.execute("INSERT INTO refused VALUES (?, ?)", (record, reason))

    def mark(self, file: str) -> None:
        """Note that the data set refers to a file."""
        self._database.execute("INSERT OR IGNORE INTO seen VALUES (?)", (_storable(file),))

    def marked(self, file: str) -> bool:
        """Whether `mark` was called for that file."""
        row = (_storable(file),)
        return bool(self._database.execute("SELECT 1 FROM seen WHERE file = ?", row).fetchone())

    def __len__(self) -> int:
        """Number of images."""
        return int(self._database.execute("SELECT count(*) FROM images").fetchone()[0])

    def __iter__(self) -> Iterator[tuple[str, str, list[str]]]:
        """Key and text of each image with the texts of its records in the order of staging."""
        images = self._database.execute(f"SELECT id, key, text FROM images ORDER BY {self.order}")
        for image, key, text in images:
            rows = self._database.execute(
                "SELECT text FROM records WHERE image = ? ORDER BY number", (image,)
            )
            yield key, text, [row for (row,) in rows]

    def refused(self) -> Iterator[tuple[str, str]]:
        """Record and reason of what was refused, and of records about images not staged."""
        yield from self._database.execute("SELECT record, reason FROM refused ORDER BY rowid")
        orphans = self._database.execute(
            "SELECT image, count(*) FROM records WHERE image NOT IN (SELECT id FROM images)"
            " GROUP BY image ORDER BY min(number)"
        )
        for image, count in orphans:
            yield f"image {image}", f"{count} annotation(s) of an image that is not listed"


def _storable(file: str) -> str:
    return file.encode("utf-8", "backslashreplace").decode()
