"""What all readers have in common."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from unigs.errors import DataError, one_line
from unigs.scene import Quarantined, Scene

Field = TypeVar("Field")


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
            raise DataError("no such folder", file=root, mend="check --root")
        self.name = name
        self.root = root
        self.split = split

    @property
    @abstractmethod
    def categories(self) -> dict[int, Category]:
        """The classes by id."""

    @abstractmethod
    def scan(self) -> Iterator[Scene | Quarantined]:
        """Read everything once: each image as a scene, or the reason why it is refused.

        Raises:
            DataError: the data set as a whole is unreadable.
        """

    @property
    def class_names(self) -> tuple[str, ...]:
        """The distinct names in prompts, in the order of the categories."""
        return tuple(dict.fromkeys(category.name for category in self.categories.values()))

    def __iter__(self) -> Iterator[Scene]:
        return (record for record in self.scan() if isinstance(record, Scene))

    def quarantined(self, record: str, error: DataError, file: Path) -> Quarantined:
        """Refuse a record for an error, told of the file it names or else of `file`."""
        at_fault = error.file if isinstance(error.file, Path) else file
        return Quarantined(self.relative(at_fault), one_line(record), error.reason)

    def relative(self, path: Path) -> str:
        """A path below the root as it is told to users."""
        below = path.relative_to(self.root) if path.is_relative_to(self.root) else path
        return one_line(below.as_posix())


def scene_key(file_name: str) -> str:
    """The key of an image: its relative path without extension, in the characters [A-Za-z0-9_-]."""
    stem = re.sub(r"\.[^./]*$", "", file_name)
    return re.sub(r"[^A-Za-z0-9_-]", "-", stem)


def inside(folder: Path, name: str) -> Path:
    """The file of that relative name in `folder`.

    Raises:
        DataError: the name is absolute, climbs out of the folder or is no file name at all.
    """
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or ".." in parts or "\\" in name or "\0" in name:
        raise DataError(f"file name {name!r} is not a plain relative path")
    return folder.joinpath(*parts)


def field(record: Any, name: str, kind: type[Field]) -> Field:
    """A field of a JSON object that must have the given type; DataError otherwise."""
    if not isinstance(record, dict):
        raise DataError(f"expected an object, found {type(record).__name__}")
    if name not in record:
        raise DataError(f"field {name!r} is missing")
    value = record[name]
    # bool is an int to Python, but no id or size is written as true
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise DataError(f"field {name!r} should be {kind.__name__}, is {type(value).__name__}")
    return value
