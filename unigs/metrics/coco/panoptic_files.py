"""Files in COCO panoptic format, checked for what the counting relies on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from unigs.errors import DataError
from unigs.io.annotations.file_names import located
from unigs.io.annotations.segment_ids import is_thing, read_segments, segment_id
from unigs.io.image_file import read_bytes
from unigs.metrics.coco.fields import (
    Ids,
    flag,
    identifier,
    record_of,
    records_of,
    required,
    shown,
)
from unigs.metrics.coco.json_files import read_json

Found = TypeVar("Found")
Id = int | float | str


@dataclass(frozen=True, slots=True)
class Categories:
    """The categories of a file: numbered from 1 in the order of their ids; which are things."""

    ids: Ids
    is_thing: dict[int, bool]


class PanopticFile:
    """A COCO panoptic JSON with the folder of its PNGs.

    Args:
        path: the JSON.
        folder: of the PNGs.

    Raises:
        DataError: not the format; it names the file, the record and the fault.
    """

    def __init__(self, path: Path, folder: Path) -> None:
        self.path, self.folder = path, Path(folder)
        self._content = read_json(path)
        if not isinstance(self._content, Mapping):
            raise DataError("not a COCO panoptic JSON object", file=path, hint="check the path")
        self._records: dict[Id, tuple[str, Mapping[str, Any]]] = {}
        for index, record in enumerate(self._list("annotations")):
            where = f"annotations[{index}]"
            image = self._told(where, partial(_image_of, record))
            if image in self._records:
                raise DataError(
                    f"image {shown(image)} is listed twice", file=path, record=where,
                    hint="write one record an image",
                )  # fmt: skip
            self._records[image] = (where, record)
        self._ids = Ids(self._records, "image")
        self._by_number = {self._ids[image]: image for image in self._records}

    @property
    def images(self) -> list[Id]:
        """The ids of its images, in the order of the file."""
        return list(self._records)

    @property
    def content(self) -> Mapping[str, Any]:
        """What the JSON holds; of its annotations alone it is checked what every one has."""
        return self._content

    def record(self, image: Id) -> Mapping[str, Any]:
        """Return the annotation of an image."""
        return self._record(image)[1]

    def check_images(self, prediction: PanopticFile) -> None:
        """DataError unless a prediction has a record for each image of this truth, and no other."""
        for image in self.images:
            if prediction._ids.find(image) is None:
                raise DataError(
                    f"no prediction for image {shown(image)}", file=prediction.path,
                    hint="add its record",
                )  # fmt: skip
        seen: set[int] = set()
        for image in prediction.images:
            where, number = prediction._records[image][0], self._ids.find(image)
            if number is None:
                raise DataError(
                    f"image {shown(image)} is not in the ground truth", file=prediction.path,
                    record=where, hint="leave it out",
                )  # fmt: skip
            if number in seen:
                raise DataError(
                    f"image {shown(image)} is listed as a number and as a text",
                    file=prediction.path, record=where, hint="write one record an image",
                )  # fmt: skip
            seen.add(number)

    def categories(self) -> Categories:
        """Its categories; raise DataError when it lists none."""
        records = self._list("categories")
        pairs = []
        for index, record in enumerate(records):
            where = f"categories[{index}]"
            pairs.append(self._told(where, partial(_category_of, record)))
        if not pairs:
            raise DataError("lists no categories", file=self.path, hint="or use --class-agnostic")
        ids = self._told("categories", lambda: Ids([one for one, _ in pairs], "category"))
        return Categories(ids, {ids[one]: thing for one, thing in pairs})

    def classes(
        self, image: Id, categories: Categories | None
    ) -> tuple[dict[int, int], dict[int, int]]:
        """Return the class of each segment of an image, and of its crowd segments alone.

        Args:
            image: its id, as either file writes it.
            categories: of the truth; None takes every category as 1.
        """
        where, record = self._record(image)

        def found() -> tuple[dict[int, int], dict[int, int]]:
            classes, crowd = {}, {}
            for info in record["segments_info"]:
                number = _segment(info)
                classes[number] = 1 if categories is None else _known(info, categories)
                if flag(info, "iscrowd"):
                    crowd[number] = classes[number]
            return classes, crowd

        return self._told(where, found)

    def segments(self, image: Id) -> NDArray[np.int32]:
        """Return (h, w) int32 segment ids of an image; 0 = unlabelled.

        Raises:
            DataError: `file_name` names no file in the folder, no PNG of 8 bits and colour there,
                broken, or with other segments than the JSON lists.
        """
        where, record = self._record(image)
        path = self._told(where, lambda: located(self.folder, record["file_name"]))
        segments = read_segments(read_bytes(path), path)
        listed = self._told(where, lambda: [_segment(info) for info in record["segments_info"]])
        if len(set(listed)) < len(listed):
            raise DataError("a segment id is listed twice", file=self.path, record=where)
        painted = set(np.unique(segments).tolist()) - {0}
        if painted != set(listed):
            raise DataError(
                f"segments {sorted(painted ^ set(listed))[:5]} are in only one of PNG and JSON",
                file=path,
                hint="write both from the same segments",
            )
        return segments

    def _record(self, image: Id) -> tuple[str, Mapping[str, Any]]:
        number = self._ids.find(image)
        assert number is not None, image
        return self._records[self._by_number[number]]

    def _list(self, part: str) -> list[Any]:
        try:
            return records_of(self._content, part, "panoptic")
        except DataError as error:
            raise DataError(str(error), file=self.path) from error

    def _told(self, where: str, check: Callable[[], Found]) -> Found:
        try:
            return check()
        except DataError as error:
            raise DataError(str(error), file=self.path, record=where) from error


def _image_of(record: Any) -> Id:
    required(record_of(record), "image_id", "file_name", "segments_info")
    name = record["file_name"]
    if not isinstance(name, str):
        raise DataError(f"file_name is {shown(name)}, not a text")
    records_of(record, "segments_info", "panoptic")
    return identifier(record, "image_id")


def _category_of(record: Any) -> tuple[Id, bool]:
    return identifier(record_of(record)), is_thing(record)


def _segment(info: Any) -> int:
    required(record_of(info), "id", "category_id")
    return segment_id(info)


def _known(info: Mapping[str, Any], categories: Categories) -> int:
    found = categories.ids.find(identifier(info, "category_id"))
    if found is None:
        raise DataError(
            f"segment {info['id']} has category {shown(info['category_id'])}, which the truth"
            " does not list",
            hint="list it there, or take every category as one: --class-agnostic",
        )
    return found
