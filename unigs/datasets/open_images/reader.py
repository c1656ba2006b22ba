"""Open Images V5 and later: object masks as PNG files, listed in CSV files.

Layout: `{split}-annotations-object-segmentation.csv`, `class-descriptions-boxable.csv`,
`{split}/*.jpg`, and the masks in `{split}-masks/`, in folders `{split}-masks-{0..f}` or in the
archives `{split}-masks-{0..f}.zip`, at the root or inside `{split}-masks/`. Masks have another size
than their JPEG and are scaled to it. Only a few objects of an image are annotated; the rest is
unlabelled. A broken mask is quarantined alone.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from unigs.datasets.class_names import class_names
from unigs.datasets.dataset import Category, Dataset, Record
from unigs.datasets.label_map import Region, scene_from_regions
from unigs.datasets.open_images.mask_files import MaskFiles
from unigs.datasets.photo import Photo, annotation_digest, read_photo
from unigs.datasets.staging import Staging
from unigs.errors import DataError
from unigs.io.annotations.file_names import located
from unigs.io.annotations.record_values import identity
from unigs.io.annotations.text_encoding import encoding_of
from unigs.io.image_file import decode_labels, image_files
from unigs.io.mask_codes import Rle, code_of_mask, flatten, not_empty
from unigs.scene import Quarantined, Scene

COLUMNS = ("MaskPath", "ImageID", "LabelName", "BoxID")
CLASS_FILES = ("class-descriptions-boxable.csv", "oidv7-class-descriptions-boxable.csv")
# masks are at most this much longer or wider than their image would have them
ASPECT_TOLERANCE = 0.05


class OpenImages(Dataset):
    """One split of Open Images."""

    def __init__(self, name: str, root: Path, split: str) -> None:
        super().__init__(name, root, split)
        self.annotation_file = self.annotations_at(root, split)
        self.image_folder = root / split
        self.masks = MaskFiles(root, split)
        classes = [root / file for file in CLASS_FILES]
        self.class_file = next((file for file in classes if file.is_file()), classes[0])
        for file in (self.annotation_file, self.class_file):
            if not file.is_file():
                raise DataError("no such file", file=file, hint="check root and split")
        if not self.image_folder.is_dir():
            raise DataError("no such folder", file=self.image_folder, hint="check root and split")

    @staticmethod
    def annotations_at(root: Path, split: str) -> Path:
        return root / f"{split}-annotations-object-segmentation.csv"

    @cached_property
    def _classes(self) -> dict[str, Category]:
        """Categories by label ("/m/0bt9lr"); their ids are the lines of the file, from 1."""
        names, _ = self._names
        return {
            label: Category(line, names[line], source, True)
            for label, (line, source) in self._listed.items()
        }

    @cached_property
    def _listed(self) -> dict[str, tuple[int, str]]:
        """Line and name of each label in the class file."""
        listed = {
            row[0]: (line, row[1])
            for line, row in _rows(self.class_file)
            if isinstance(row, list) and len(row) == 2 and row[0].startswith("/")
        }
        if not listed:
            raise DataError("holds no class", file=self.class_file)
        return listed

    @cached_property
    def _names(self) -> tuple[dict[int, str], list[str]]:
        return class_names(dict(self._listed.values()))

    @property
    def notes(self) -> dict[str, int]:
        return dict.fromkeys(self._names[1], 1)

    @property
    def categories(self) -> dict[int, Category]:
        return {category.id: category for category in self._classes.values()}

    @cached_property
    def _staging(self) -> Staging:
        # by id, so that each archive of masks is opened once
        staging = Staging(self.annotation_file, order="id")
        rows = _rows(self.annotation_file)
        header = next((row for _, row in rows if isinstance(row, list)), [])
        missing = [column for column in COLUMNS if column not in header]
        if missing:
            raise DataError(f"lacks the column {', '.join(missing)}", file=self.annotation_file)
        with staging:
            seen = ""
            for line, row in rows:
                try:
                    if not isinstance(row, list):
                        raise row
                    if len(row) != len(header):
                        raise DataError(f"has {len(row)} fields, the header {len(header)}")
                    record = dict(zip(header, row, strict=True))
                    image = record["ImageID"]
                    own = identity(record, "ImageID")
                    if image != seen and not staging.has_image(own):
                        staging.add_image(line, own, f"{image}.jpg", image)
                    seen = image
                    staging.add_record(line, own, json.dumps(record), record["MaskPath"])
                except DataError as error:
                    staging.quarantine(f"line {line}", error.reason)
        if not len(staging):
            raise DataError("holds no mask: the data set is empty", file=self.annotation_file)
        return staging

    def records(self) -> Iterator[Record | Quarantined]:
        known = self._classes
        for record, reason in self._staging.quarantined():
            yield Quarantined(self.relative(self.annotation_file), record, reason)
        for key, _, image, texts in self._staging:
            records = [json.loads(text) for text in texts]
            names = [known[r["LabelName"]].name for r in records if r["LabelName"] in known]
            try:
                file = located(self.image_folder, f"{image}.jpg")
            except DataError as error:
                yield self.quarantined(f"image {image}", error, self.annotation_file)
                continue
            self._staging.mark(self.relative(file))
            masks = [self.masks.find(record["MaskPath"]) for record in records]
            files = (file, *(mask for mask in masks if mask is not None))
            read = partial(self._read, key, image, file, records, known)
            said = (records, names)
            yield Record(key, f"image {image}", self.annotation_file, said, files, read)
        for path in image_files(self.image_folder):
            if not self._staging.marked(self.relative(path)):
                yield Quarantined(self.relative(path), "image", "no mask of it is listed")

    def _read(
        self,
        key: str,
        image: str,
        file: Path,
        records: list[dict[str, str]],
        known: dict[str, Category],
    ) -> Iterator[Scene | Quarantined]:
        photo = read_photo(file)
        masks: list[tuple[dict[str, str], bytes, np.ndarray, Path]] = []
        for record in records:
            try:
                if record["LabelName"] not in known:
                    raise DataError(f"unknown label {record['LabelName']!r}")
                data, path = self.masks.read(record["MaskPath"])
                masks.append((record, data, _mask(data, path), path))
            except DataError as error:
                yield self._quarantined(record, error)
        photo = _as_masked(photo, [mask for _, _, mask, _ in masks])
        sound: list[tuple[dict[str, str], Rle]] = []
        parts: list[Any] = []
        for record, data, mask, path in masks:
            try:
                sound.append((record, not_empty(code_of_mask(_fit(mask, path, photo)))))
                parts += [record, data]
            except DataError as error:
                yield self._quarantined(record, error)
        rles = [rle for _, rle in sound]
        ids, visible = flatten(rles, [False] * len(rles), photo.height, photo.width)
        regions = []
        for number, (record, _) in enumerate(sound, start=1):
            if visible[number - 1]:
                category = known[record["LabelName"]]
                regions.append(Region(number, category, record["MaskPath"], False))
            else:
                yield self._quarantined(record, DataError("hidden by smaller ones"))
        yield scene_from_regions(
            ids,
            regions,
            photo,
            key=key,
            dataset=self,
            digest=annotation_digest(*parts),
            licence=None,
            file_name=f"{image}.jpg",
        )

    def _quarantined(self, record: dict[str, str], error: DataError) -> Quarantined:
        return self.quarantined(f"mask {record['MaskPath']}", error, self.annotation_file)


def _rows(path: Path) -> Iterator[tuple[int, list[str] | DataError]]:
    """Yield the rows of a CSV file with their line, each as its fields or as the reason it has
    none."""
    try:
        with path.open(encoding=encoding_of(path), errors="replace", newline="") as file:
            reader = csv.reader(file)
            while True:
                try:
                    row = next(reader)
                except StopIteration:
                    return
                except csv.Error as error:
                    yield reader.line_num, DataError(f"is no CSV: {error}")
                    continue
                if row:
                    yield reader.line_num, row
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", file=path) from error


def _mask(data: bytes, path: Path) -> np.ndarray:
    """Return a mask file as (h, w); raise DataError if it is none."""
    mask = decode_labels(data, path)
    if mask.ndim != 2:
        raise DataError("mask has several channels", file=path)
    return mask


def _as_masked(photo: Photo, masks: list[np.ndarray]) -> Photo:
    """Return the photo the way up that has the shape of more of its masks; upright if it is all
    one."""
    upright, stored = (
        sum(_has_shape(mask, *size) for mask in masks)
        for size in (photo.size.upright, photo.size.stored)
    )
    return photo.annotated(*(photo.size.stored if stored > upright else photo.size.upright))


def _has_shape(mask: np.ndarray, height: int, width: int) -> bool:
    """Return whether a mask has the proportions of an image, about."""
    stretch = mask.shape[1] * height / (mask.shape[0] * width)
    return 1 - ASPECT_TOLERANCE < stretch < 1 + ASPECT_TOLERANCE


def _fit(mask: np.ndarray, path: Path, photo: Photo) -> np.ndarray:
    """Return a mask as (h, w) bool of the size of its image."""
    if not _has_shape(mask, photo.height, photo.width):
        raise DataError(
            f"mask is {mask.shape[0]}x{mask.shape[1]}, its image {photo.height}x{photo.width}:"
            " not the same shape",
            file=path,
        )
    image = Image.fromarray((mask > 0).astype(np.uint8) * 255)
    scaled = image.resize((photo.width, photo.height), Image.Resampling.BILINEAR)
    return np.asarray(scaled) >= 128
