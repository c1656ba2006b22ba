"""LabelMe's own files: one JSON an image, beside it or in a folder of its own.

Layout: `{split}/**/*.json` or, with both splits in one, `**/*.json` below the root; an image is
where `imagePath` says, seen from its JSON, or beside it. Shapes of one label and one `group_id` are
one entity. Shapes without an area (points, lines) are quarantined, those labelled `__ignore__` or
`_background_` left out.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import astuple, replace
from functools import cached_property, partial
from pathlib import Path, PurePosixPath
from typing import Any

from pycocotools import mask as coco_mask

from unigs.datasets.class_names import class_names, source_text
from unigs.datasets.coco.records import NO_CLASSES
from unigs.datasets.dataset import Category, Dataset, Record
from unigs.datasets.exports.labelme_shapes import shape_code
from unigs.datasets.exports.places import WORDS, Division
from unigs.datasets.label_map import Region, scene_from_regions
from unigs.datasets.photo import SIZE_UNKNOWN, Photo, annotation_digest, read_photo
from unigs.datasets.scene_keys import distinct_key, plain_key, scene_key
from unigs.errors import DataError
from unigs.io.annotations.file_names import located
from unigs.io.annotations.record_values import field, present, said_size
from unigs.io.annotations.text_encoding import encoding_of
from unigs.io.image_file import read_bytes
from unigs.io.mask_codes import Rle, flatten, not_empty
from unigs.io.side_files import files_below
from unigs.scene import Quarantined, Scene

# Enough to meet the first member that tells LabelMe's files from others.
_HEAD = 1 << 12


class LabelMe(Dataset):
    """One split of a folder of LabelMe's files."""

    def __init__(self, name: str, root: Path, split: str) -> None:
        super().__init__(name, root, split)
        folder, self.undivided = _place(root, split)
        if folder is None:
            raise DataError(
                f"no LabelMe files of the split {split}",
                file=root,
                hint=f"looked for *.json with shapes there and in the folder {split}",
            )
        self.folder = folder

    @staticmethod
    def annotations_at(root: Path, split: str) -> Path:
        return _place(root, split)[0] or root / split / "*.json"

    @cached_property
    def categories(self) -> dict[int, Category]:
        """The classes by name, numbered from 1; the files are read once for them."""
        labels: dict[str, Any] = {}
        for file in self._files():
            # what is wrong is told of when the file is read
            with suppress(DataError):
                for shape in field(_document(file), "shapes", list):
                    with suppress(DataError):
                        label = present(shape, "label")
                        labels.setdefault(source_text(label), label)
        for none in NO_CLASSES:
            labels.pop(none, None)
        sources = {number: labels[text] for number, text in enumerate(sorted(labels), start=1)}
        names, _ = class_names(sources)
        return {
            number: Category(number, names[number], source_text(source), True)
            for number, source in sources.items()
        }

    def records(self) -> Iterator[Record | Quarantined]:
        classes = annotation_digest([astuple(kind) for kind in self.categories.values()])
        keys = self._keys()
        division = Division(keys.values())
        found = False
        for file, key in keys.items():
            if self.undivided and not division.holds(key, self.split):
                continue
            name = self._name(file)
            found = True
            record = f"image {name.removesuffix('.json')}"
            try:
                image = self._image(file)
            except DataError as error:
                yield self.quarantined(record, error, file)
                continue
            read = partial(self._read, key, image, file)
            yield Record(key, record, file, (classes,), (image, file), read)
        if not found:
            raise DataError(
                f"holds no image of the split {self.split}",
                file=self.folder,
                hint="annotate a second image",
            )

    def _files(self) -> Iterator[Path]:
        return (file for file in files_below(self.folder) if file.suffix.lower() == ".json")

    def _keys(self) -> dict[Path, str]:
        names = {file: self._name(file) for file in self._files()}
        shared = Counter(map(plain_key, names.values()))
        return {
            file: scene_key(name) if shared[plain_key(name)] == 1 else distinct_key(name)
            for file, name in names.items()
        }

    def _name(self, file: Path) -> str:
        return file.relative_to(self.folder).as_posix()

    def _image(self, file: Path) -> Path:
        """Return the image of a JSON: where it says, if that is below the root, or beside it."""
        document = _document(file)
        said = field(document, "imagePath", str).replace("\\", "/")
        # both absolute: "../a" is below "." by its parts alone
        there, root = (Path(os.path.abspath(place)) for place in (file.parent / said, self.root))
        # unlike Path.is_file this raises nothing for an odd name
        if there.is_relative_to(root) and os.path.isfile(there):
            return self.root / there.relative_to(root)
        beside = located(file.parent, PurePosixPath(said).name)
        if not os.path.isfile(beside) and document.get("imageData"):
            raise DataError(
                f"its image {beside.name!r} is stored inside the JSON alone: write the bytes of"
                " imageData (base64) to a file of that name beside it",
                file=file,
            )
        return beside

    def _read(self, key: str, image: Path, file: Path) -> Iterator[Scene | Quarantined]:
        document = _document(file)
        photo = _photo(document, image)
        found: dict[tuple[Any, ...], list[Rle]] = {}
        for number, shape in enumerate(field(document, "shapes", list)):
            try:
                label = source_text(present(shape, "label"))
                if label in NO_CLASSES:
                    continue
                code = not_empty(shape_code(shape, photo.height, photo.width, file))
            except DataError as error:
                yield self.quarantined(f"shapes[{number}] of {self._name(file)}", error, file)
                continue
            group = shape.get("group_id")
            own = ("shape", number) if group is None else ("group", str(group))
            found.setdefault((label, *own), []).append(code)
        if not found:
            raise DataError("has no shape with an area", file=file)
        yield from self._scene(key, found, photo, document, image)

    def _scene(
        self,
        key: str,
        found: dict[tuple[Any, ...], list[Rle]],
        photo: Photo,
        document: dict[str, Any],
        image: Path,
    ) -> Iterator[Scene | Quarantined]:
        by_source = {kind.source_name: kind for kind in self.categories.values()}
        codes = [coco_mask.merge(parts) for parts in found.values()]
        ids, visible = flatten(codes, [False] * len(codes), photo.height, photo.width)
        regions = []
        for number, (label, *own) in enumerate(found, start=1):
            source = "-".join(map(str, own))
            if visible[number - 1]:
                regions.append(Region(number, by_source[label], source, False))
            else:
                error = DataError("hidden by smaller ones")
                yield self.quarantined(f"{source} of {image.name}", error, image)
        yield scene_from_regions(
            ids,
            regions,
            photo,
            key=key,
            dataset=self,
            digest=annotation_digest(field(document, "shapes", list)),
            licence=None,
            file_name=self.relative(image),
        )


def _place(root: Path, split: str) -> tuple[Path | None, bool]:
    """Return the folder of a split's files, and whether it holds both splits."""
    for word in WORDS.get(split, (split,)):
        if _holds_shapes(root / word):
            return root / word, False
    whole = split in ("train", "val") and not any(
        _holds_shapes(root / word) for words in WORDS.values() for word in words
    )
    return (root, True) if whole and _holds_shapes(root) else (None, False)


def _holds_shapes(folder: Path) -> bool:
    """Return whether the first JSON below a folder is LabelMe's."""
    first = next((f for f in files_below(folder) if f.suffix.lower() == ".json"), None)
    if first is None:
        return False
    with first.open("rb") as file:
        head = file.read(_HEAD)
    return '"shapes"' in head.decode(encoding_of(head), "replace")


def _document(file: Path) -> dict[str, Any]:
    data = read_bytes(file)
    try:
        found = json.loads(data.decode(encoding_of(data)))
    except (ValueError, RecursionError) as error:
        raise DataError(f"is not the JSON expected: {error}", file=file) from error
    if not isinstance(found, dict) or "shapes" not in found:
        raise DataError("is no file of LabelMe: it has no shapes", file=file)
    return found


def _photo(document: dict[str, Any], image: Path) -> Photo:
    said = said_size({side: document.get(f"image{side.title()}") for side in ("height", "width")})
    photo = read_photo(image)
    photo = (replace(photo, notes=(SIZE_UNKNOWN,)) if None in said else photo).annotated(*said)
    photo.require_size(*said)
    return photo
