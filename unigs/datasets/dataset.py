"""The common base of all readers."""

from __future__ import annotations

import hashlib
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unigs.errors import DataError, one_line
from unigs.scene import Quarantined, Scene

# part of every fingerprint: to be raised when a reader makes other scenes of the same files
READER_VERSION = 2


@dataclass(frozen=True, slots=True)
class Category:
    """One class of a data set.

    Attributes:
        id: the id the data set gives it.
        name: its name in prompts.
        source_name: its name in the data set.
        is_thing: countable objects (True) or stuff (False).
    """

    id: int
    name: str
    source_name: str
    is_thing: bool


@dataclass(frozen=True, slots=True)
class Record:
    """One image of a data set before it is read.

    Attributes:
        key: the key of its scene.
        name: what messages call it.
        file: where a fault is looked for that names no file of its own.
        said: everything the annotations say of it, as JSON values.
        files: all files its scene is made of.
        read: reads it; raise DataError if the whole image is quarantined.
    """

    key: str
    name: str
    file: Path
    said: tuple[Any, ...]
    files: tuple[Path, ...]
    read: Callable[[], Iterator[Scene | Quarantined]]


class Dataset(ABC):
    """One split of a data set, read as a stream.

    Args:
        name: name in the catalog.
        root: its folder.
        split: name of the split.

    Raises:
        DataError: the folder is missing.
    """

    def __init__(self, name: str, root: Path, split: str) -> None:
        if not re.fullmatch(r"[A-Za-z0-9_-]+", split):
            raise DataError(f"split {split!r} is not a plain name")
        if not root.is_dir():
            raise DataError("no such folder", file=root, hint="check --root")
        self.name = name
        self.root = root
        self.split = split

    @staticmethod
    @abstractmethod
    def annotations_at(root: Path, split: str) -> Path:
        """Return the file or folder that holds the annotations of a split."""

    @property
    @abstractmethod
    def categories(self) -> dict[int, Category]:
        """The classes by id."""

    @abstractmethod
    def records(self) -> Iterator[Record | Quarantined]:
        """Return every image, not yet read, and every record that is quarantined unread.

        Raises:
            DataError: the data set as a whole is unreadable.
        """

    def scan(self) -> Iterator[Scene | Quarantined]:
        """Read everything once: each image as a scene, or the reason why it is quarantined.

        Raises:
            DataError: the data set as a whole is unreadable.
        """
        for record in self.records():
            if isinstance(record, Quarantined):
                yield record
            else:
                yield from self.read(record)

    def read(self, record: Record) -> Iterator[Scene | Quarantined]:
        """Read one image: its quarantined parts, then its scene or the reason why there is none."""
        try:
            for file in record.files[:1]:
                # an index holds texts, which stray bytes and halves of surrogate pairs are not
                if not _is_text(file.relative_to(self.root).as_posix()):
                    raise DataError("file name is not UTF-8: rename the file", file=file)
            yield from record.read()
        except DataError as error:
            yield self.quarantined(record.name, error, record.file)

    def fingerprint(self, record: Record) -> str:
        """Return the SHA-256 (hex) that changes with what is said of an image and with size or time
        of a file.

        No file is opened for it.
        """
        states: list[Any] = []
        for file in record.files:
            try:
                state = file.stat()
                states.append([self.relative(file), state.st_size, state.st_mtime_ns])
            except (OSError, ValueError):
                states.append([self.relative(file)])
        whole = [READER_VERSION, self.name, self.split, record.key, record.said, states]
        return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()

    @property
    def notes(self) -> dict[str, int]:
        """Assumptions made in reading the annotations, one sentence each -> how often.

        Notes on single images are in their scenes.
        """
        return {}

    @property
    def class_names(self) -> tuple[str, ...]:
        """The distinct names in prompts, in the order of the categories."""
        return tuple(dict.fromkeys(category.name for category in self.categories.values()))

    def __iter__(self) -> Iterator[Scene]:
        return (record for record in self.scan() if isinstance(record, Scene))

    def quarantined(self, record: str, error: DataError, file: Path) -> Quarantined:
        """Quarantine a record for an error in the file that the error names, else in `file`."""
        at_fault = error.file if isinstance(error.file, Path) else file
        return Quarantined(self.relative(at_fault), one_line(record), error.reason)

    def relative(self, path: Path) -> str:
        """Return a path below the root as shown to users."""
        # By text, since `Path.relative_to` takes both apart, for each of a million images.
        whole, root = path.as_posix(), self.root.as_posix()
        prefix = "" if root == "." else root.rstrip("/") + "/"
        return one_line("." if whole == root else whole.removeprefix(prefix))


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
