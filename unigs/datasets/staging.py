"""Records staged on disk, so that annotations in any order can be joined image by image."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from unigs.datasets.scene_keys import distinct_key, scene_key
from unigs.errors import DataError
from unigs.io.annotations.record_values import other_form

_SCHEMA = """
CREATE TABLE images (
    id TEXT UNIQUE, number INTEGER PRIMARY KEY, key TEXT, distinct_key TEXT, file BLOB UNIQUE,
    text TEXT
);
CREATE TABLE aliases (id TEXT PRIMARY KEY, image TEXT) WITHOUT ROWID;
CREATE TABLE records (id TEXT UNIQUE, number INTEGER PRIMARY KEY, image TEXT, text TEXT);
CREATE TABLE quarantined (record TEXT, reason TEXT);
CREATE TABLE seen (file BLOB PRIMARY KEY) WITHOUT ROWID;
"""
# Records find their image by its id, then by the same id as text instead of number (or the other
# way round), then through an image of another id with the same file. Images whose plain keys are
# the same get keys of their own, whichever was listed first.
_JOIN = """
UPDATE records SET image = other_form(image)
    WHERE image NOT IN (SELECT id FROM images UNION SELECT id FROM aliases)
    AND other_form(image) IN (SELECT id FROM images UNION SELECT id FROM aliases);
UPDATE records SET image = (SELECT image FROM aliases WHERE aliases.id = records.image)
    WHERE image IN (SELECT id FROM aliases);
UPDATE images SET key = distinct_key
    WHERE key IN (SELECT key FROM images GROUP BY key HAVING count(*) > 1);
COMMIT;
CREATE INDEX by_image ON records (image, number);
"""


class StagedImage(NamedTuple):
    """An image with its records: the key of its scene, its file if it was found while staging,
    its text, and the texts of its records in the order of staging."""

    key: str
    file: Path | None
    text: str
    records: list[str]


class Staging:
    """A temporary SQLite database of the source text of images and of records about images.

    It is in the temporary folder and is deleted when this object goes. Ids are those of
    `record_values.identity`.

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
        self._database.create_function("other_form", 1, other_form, deterministic=True)

    def __enter__(self) -> Staging:
        self._database.execute("BEGIN")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        if kind is None:
            # a script would end the transaction before its first statement
            for statement in _JOIN.split(";\n"):
                self._database.execute(statement)
        elif issubclass(kind, sqlite3.OperationalError):
            raise DataError(
                f"cannot be staged in the temporary folder: {error}",
                file=self.source,
                hint="free space there or set TMPDIR",
            )

    def add_image(
        self, number: int, image: str, name: str, text: str, file: Path | None = None
    ) -> None:
        """Stage an image.

        Args:
            number: its place in the order of staging.
            image: its id.
            name: its file name, of which its key is made.
            text: what is said of it.
            file: path of its file, if known.

        Raises:
            DataError: its id was there before.
        """
        place = None if file is None else _storable(str(file))
        row = (image, number, scene_key(name), distinct_key(name), place, text)
        try:
            self._database.execute("INSERT INTO images VALUES (?, ?, ?, ?, ?, ?)", row)
        except sqlite3.IntegrityError as error:
            raise DataError(f"image {image[1:]} has the id of an image before it") from error

    def image_of(self, file: Path) -> tuple[str, str] | None:
        """Return the id and text of the image staged with that file; None if there is none."""
        query = "SELECT id, text FROM images WHERE file = ?"
        return self._database.execute(query, (_storable(str(file)),)).fetchone()

    def add_alias(self, image: str, same: str) -> None:
        """Make an id an alias for the image of another id."""
        if self.has_image(image):
            raise DataError(f"image {image[1:]} has the id of an image before it")
        self._database.execute("INSERT OR IGNORE INTO aliases VALUES (?, ?)", (image, same))

    def has_image(self, image: str) -> bool:
        """Return whether an image of that id is staged."""
        row = self._database.execute("SELECT 1 FROM images WHERE id = ?", (image,)).fetchone()
        return row is not None

    def add_record(self, number: int, image: str, text: str, record: str | None = None) -> None:
        """Stage a record about an image.

        Raises DataError if its own id, where it has one, is taken.
        """
        row = (record, number, image, text)
        try:
            self._database.execute("INSERT INTO records VALUES (?, ?, ?, ?)", row)
        except sqlite3.IntegrityError as error:
            raise DataError(f"id {record} was given before") from error

    def quarantine(self, record: str, reason: str) -> None:
        """Note a record that cannot be staged."""
        self._database.execute("INSERT INTO quarantined VALUES (?, ?)", (record, reason))

    def mark(self, file: str) -> None:
        """Note that the data set refers to a file."""
        self._database.execute("INSERT OR IGNORE INTO seen VALUES (?)", (_storable(file),))

    def marked(self, file: str) -> bool:
        """Return whether `mark` was called for that file."""
        row = (_storable(file),)
        return bool(self._database.execute("SELECT 1 FROM seen WHERE file = ?", row).fetchone())

    def __len__(self) -> int:
        """Return the number of images."""
        return int(self._database.execute("SELECT count(*) FROM images").fetchone()[0])

    def __iter__(self) -> Iterator[StagedImage]:
        """Yield each image with its records."""
        columns = "id, key, file, text"
        images = self._database.execute(f"SELECT {columns} FROM images ORDER BY {self.order}")
        for image, key, file, text in images:
            rows = self._database.execute(
                "SELECT text FROM records WHERE image = ? ORDER BY number", (image,)
            )
            place = None if file is None else Path(_restored(file))
            yield StagedImage(key, place, text, [row for (row,) in rows])

    def quarantined(self) -> Iterator[tuple[str, str]]:
        """Yield quarantined records with the reason, and records without a staged image."""
        yield from self._database.execute("SELECT record, reason FROM quarantined ORDER BY rowid")
        orphans = self._database.execute(
            "SELECT image, count(*) FROM records WHERE image NOT IN (SELECT id FROM images)"
            " GROUP BY image ORDER BY min(number)"
        )
        for image, count in orphans:
            yield f"image {image[1:]}", f"{count} annotation(s) of an image that is not listed"


def _storable(file: str) -> bytes:
    # a path may hold bytes that are no UTF-8, which SQLite takes as a blob alone
    return file.encode("utf-8", "surrogatepass")


def _restored(file: bytes) -> str:
    return file.decode("utf-8", "surrogatepass")
