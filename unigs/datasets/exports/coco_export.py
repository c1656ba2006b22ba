"""COCO files as annotation tools export them: Roboflow, CVAT, Label Studio, LabelMe, VIA, FiftyOne.

They differ from COCO in where files lie (`places`), in file names that are another machine's, in
categories that are no classes, and in what CVAT calls a crowd.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote

from unigs.datasets.coco.dataset import CocoDataset
from unigs.datasets.coco.instances import CocoInstances
from unigs.datasets.dataset import Category, Record
from unigs.datasets.exports.places import Division, find_place, of_another_format
from unigs.errors import DataError
from unigs.io.annotations.file_names import located
from unigs.scene import Quarantined

ELSEWHERE = "image found by the last part of its name: the annotation's is a path elsewhere"
NO_CROWD = "run lengths that CVAT marks as a crowd are read as one entity"
# Label Studio puts eight hexadecimal digits before the name of an uploaded file.
_UPLOADED = re.compile(r"[0-9a-f]{8}-(?=.)")


class CocoExport(CocoInstances):
    """One split of what a tool exported.

    Raises:
        DataError: no export is found below the root.
    """

    def __init__(self, name: str, root: Path, split: str) -> None:
        place = find_place(root, split) if root.is_dir() else None
        if place is None:
            if root.is_dir() and (said := of_another_format(root)):
                raise DataError(f"no export of the split {split}", file=root, hint=said)
            where = f"{split}/_annotations.coco.json, annotations/instances_{split}.json"
            raise DataError(
                f"no export of the split {split}",
                file=root,
                hint=f"looked for {where}, and for result.json, annotations.json and the like there"
                f" and in the folder {split}",
            )
        CocoDataset.__init__(self, name, root, split, place.file, (place.pictures,))
        self.place = place
        self._names: dict[Path, str] = {}
        self._elsewhere: set[str] = set()

    @staticmethod
    def annotations_at(root: Path, split: str) -> Path:
        place = find_place(root, split)
        return place.file if place else root / split / "_annotations.coco.json"

    @property
    def categories(self) -> dict[int, Category]:
        """The classes, without headings that no annotation names (`CocoRecords.headings`)."""
        headings = self.document.headings
        return {n: one for n, one in self.document.categories.items() if n not in headings}

    @property
    def notes(self) -> dict[str, int]:
        found = dict(self.document.notes)
        return found | ({ELSEWHERE: len(self._elsewhere)} if self._elsewhere else {})

    def records(self) -> Iterator[Record | Quarantined]:
        if not self.place.undivided:
            yield from super().records()
            return
        keys = [image.key for image in self.document.staging]
        division = Division(keys)
        if not any(division.holds(key, self.split) for key in keys):
            raise DataError(
                f"holds no image of the split {self.split}",
                file=self.annotation_file,
                hint="annotate a second image",
            )
        for record in super().records():
            if isinstance(record, Quarantined) or division.holds(record.key, self.split):
                yield record

    def locate(self, name: str) -> Path:
        """Return the image of a file name: in the folder of pictures or beside the file, else the
        picture there that has the last part of its name.

        Raises:
            DataError: the name is none, or would be a picture that has another name already.
        """
        refused: DataError | None = None
        for folder in dict.fromkeys((self.place.pictures, self.place.home)):
            try:
                file = located(folder, name)
                # unlike Path.is_file this raises nothing for an odd name
                if os.path.isfile(file):
                    return self._claimed(file, name)
            except DataError as error:
                refused = error
        found = self._by_last_part(name)
        if found is not None:
            self._elsewhere.add(name)
            return self._claimed(found, name)
        if refused is not None:
            raise refused
        return located(self.place.pictures, name)

    def _claimed(self, file: Path, name: str) -> Path:
        """Return a picture that no other name means, in whatever order the names come."""
        if self._names.setdefault(file, name) != name:
            raise DataError(
                f"file names {self._names[file]!r} and {name!r} both mean the picture {file.name}"
            )
        return file

    def _by_last_part(self, name: str) -> Path | None:
        # Label Studio: /data/local-files/?d=photos/a.jpg, or a URL with a query
        path = name.rpartition("?d=")[2].partition("?")[0].replace("\\", "/")
        last = PurePosixPath(unquote(path)).name
        for form in (last, _UPLOADED.sub("", last, count=1)):
            try:
                file = located(self.place.pictures, form)
            except DataError:
                continue
            if os.path.isfile(file):
                return file
        return None

    def is_crowd(self, annotation: dict[str, Any]) -> bool:
        """Return whether an annotation is a crowd region; what CVAT calls so is none.

        CVAT writes `iscrowd: 1` for every mask that it stores as run lengths, whatever it is, and
        marks its records by `attributes.occluded`.
        """
        return super().is_crowd(annotation) and not _of_cvat(annotation)

    def scene_notes(self, annotations: Iterable[dict[str, Any]]) -> tuple[str, ...]:
        crowds = (one for one in annotations if _of_cvat(one))
        return (NO_CROWD,) if any(map(super().is_crowd, crowds)) else ()


def _of_cvat(annotation: dict[str, Any]) -> bool:
    attributes = annotation.get("attributes")
    return isinstance(attributes, dict) and "occluded" in attributes
