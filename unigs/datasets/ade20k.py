"""ADE20K full, release 2021_17_01: one JSON and one label PNG per image.

Layout, below the root or its folder `ADE20K_2021_17_01`: `images/ADE/{training,validation}/**/`
with `X.jpg`, `X.json` and `X_seg.png`, in which R / 10 * 256 + G is the class and B the instance.
Parts and the masks that go on behind other objects are not used.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterator
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from unigs.datasets.class_names import class_names, source_text
from unigs.datasets.dataset import Category, Dataset, Record
from unigs.datasets.label_map import Region, present_ids, scene_from_regions
from unigs.datasets.photo import annotation_digest, read_photo
from unigs.datasets.scene_keys import distinct_key, plain_key, scene_key
from unigs.errors import DataError, one_line
from unigs.io.annotations.record_values import field, whole, whole_number
from unigs.io.annotations.text_encoding import encoding_of
from unigs.io.image_file import decode_labels, read_bytes
from unigs.io.side_files import is_side_file
from unigs.scene import Scene

FOLDERS = {"train": "training", "val": "validation"}
# the release does not tell things from stuff: our list of last words of names of stuff
STUFF = frozenset(
    re.findall(
        r"\w+",
        """
        awning bridge building ceiling column curtain dirt earth escalator fence field floor
        grandstand grass hill hovel house land lake mountain path pavement pier plant railing
        river road rock rug runway sand sea sidewalk sky skyscraper stage stairs stairway step
        tower tree wall water waterfall
        """,
    )
)


class Ade20k(Dataset):
    """One split of ADE20K full."""

    def __init__(self, name: str, root: Path, split: str) -> None:
        super().__init__(name, root, split)
        self.folder = self.annotations_at(root, split)
        if not self.folder.is_dir():
            raise DataError("no such folder", file=self.folder, hint="check root and split")

    @staticmethod
    def annotations_at(root: Path, split: str) -> Path:
        home = root / "ADE20K_2021_17_01"
        images = (home if home.is_dir() else root) / "images" / "ADE"
        return images / FOLDERS.get(split, split)

    @cached_property
    def categories(self) -> dict[int, Category]:
        """The classes of all objects; the JSON files are read once for them."""
        found: dict[int, Category] = {}
        for stem in self._stems():
            try:
                found |= _categories(_document(stem.with_suffix(".json")))[0]
            except DataError:
                # scan tells of the file
                continue
        return dict(sorted(found.items()))

    def records(self) -> Iterator[Record]:
        shared = Counter(plain_key(self._name(stem)) for stem in self._stems())
        for stem in self._stems():
            name = self._name(stem)
            key = scene_key(name) if shared[plain_key(name)] == 1 else distinct_key(name)
            document_file = stem.with_suffix(".json")
            files = (
                stem.with_suffix(".jpg"),
                stem.with_name(f"{stem.name}_seg.png"),
                document_file,
            )
            read = partial(self._read, key, *files)
            yield Record(key, f"image {stem.name}", document_file, (), files, read)
        if not shared:
            raise DataError("holds no image: the data set is empty", file=self.folder)

    def _stems(self) -> Iterator[Path]:
        """Yield every image, and every JSON without one, as its path without extension."""
        for parent, folders, files in os.walk(self.folder):
            folders[:] = sorted(name for name in folders if not is_side_file(name))
            names = {
                name.rpartition(".")[0]
                for name in files
                if name.endswith((".jpg", ".json")) and not is_side_file(name)
            }
            yield from (Path(parent, name) for name in sorted(names))

    def _name(self, stem: Path) -> str:
        return f"{stem.relative_to(self.folder).as_posix()}.jpg"

    def _read(
        self, key: str, image_file: Path, label_file: Path, document_file: Path
    ) -> Iterator[Scene]:
        photo = read_photo(image_file)
        document = _document(document_file)
        categories, notes = _categories(document)
        png = read_bytes(label_file)
        colors = decode_labels(png, label_file)
        if colors.ndim != 3 or colors.shape[2] != 3 or png[24] != 8:
            raise DataError("is not an 8-bit RGB PNG", file=label_file)
        photo = photo.annotated(*colors.shape[:2])
        if colors.shape[:2] != (photo.height, photo.width):
            raise DataError(
                f"label image is {colors.shape[0]}x{colors.shape[1]},"
                f" its image {photo.height}x{photo.width}",
                file=label_file,
            )
        wide = colors.astype(np.int32)
        classes = wide[..., 0] // 10 * 256 + wide[..., 1]
        ids = np.where(classes > 0, classes * 256 + wide[..., 2], 0)
        regions = []
        for number in present_ids(ids):
            category = categories.get(number // 256)
            if category is None:
                raise DataError(f"class {number // 256} is not in the JSON", file=label_file)
            regions.append(Region(number, category, f"{number // 256}-{number % 256}", False))
        source = document.get("source")
        origin = source.get("origin") if isinstance(source, dict) else None
        yield scene_from_regions(
            ids,
            regions,
            photo,
            key=key,
            dataset=self,
            digest=annotation_digest(document, png),
            licence=one_line(str(origin)) if origin else None,
            file_name=image_file.relative_to(self.folder).as_posix(),
            notes=notes,
        )


def _document(path: Path) -> dict[str, Any]:
    data = read_bytes(path)
    try:
        # some files of the release are not in UTF-8
        text = data.decode(encoding_of(data), "replace")
        return field(json.loads(text), "annotation", dict)
    except (ValueError, RecursionError) as error:
        raise DataError(f"is not the JSON expected: {error}", file=path) from error


def _categories(document: dict[str, Any]) -> tuple[dict[int, Category], list[str]]:
    """Return the classes of the objects of an image, and assumptions made in naming
    them."""
    sources: dict[int, Any] = {}
    for item in field(document, "object", list):
        parts = item.get("parts") if isinstance(item, dict) else None
        if isinstance(parts, dict) and whole_number(parts.get("part_level", 0)) != 0:
            continue
        number = whole(item, "name_ndx")
        sources[number] = item.get("name")
        source_text(sources[number])
    names, notes = class_names(sources)
    found = {
        number: Category(number, name, source_text(sources[number]), _is_thing(name))
        for number, name in names.items()
    }
    return found, notes


def _is_thing(name: str) -> bool:
    return name.split()[-1] not in STUFF
