"""What the readers of COCO's JSON layouts share."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from unigs.datasets.coco_records import CocoRecords, ImageRecord
from unigs.datasets.dataset import Category, Dataset, field, inside
from unigs.datasets.photo import Photo, read_photo
from unigs.errors import DataError
from unigs.scene import Quarantined, Scene

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png")


class CocoDataset(Dataset):
    """One split of a data set with one JSON file and folders of images.

    Args:
        annotation_file: the JSON file.
        folders: where the files are that the JSON refers to, the images first.
    """

    def __init__(
        self, name: str, root: Path, split: str, annotation_file: Path, folders: tuple[Path, ...]
    ) -> None:
        super().__init__(name, root, split)
        self.annotation_file = annotation_file
        self.folders = folders
        if not annotation_file.is_file():
            raise DataError("no such file", file=annotation_file, mend="check root and split")
        for folder in folders:
            if not folder.is_dir():
                raise DataError("no such folder", file=folder, mend="check root and split")

    @cached_property
    def records(self) -> CocoRecords:
        """The parsed annotation file."""
        return CocoRecords(self.annotation_file)

    @property
    def categories(self) -> dict[int, Category]:
        return self.records.categories

    def scan(self) -> Iterator[Scene | Quarantined]:
        for refused, reason in self.records.staging.refused():
            yield Quarantined(self.relative(self.annotation_file), refused, reason)
        for record in self.records:
            try:
                yield from self.read(record)
            except DataError as error:
                yield self.quarantined(f"image {record.image['id']}", error, self.annotation_file)
        for file in image_files(self.folders[0]):
            if not self.records.staging.marked(self.relative(file)):
                reason = "the annotation file does not refer to it"
                yield Quarantined(self.relative(file), "image", reason)

    @abstractmethod
    def read(self, record: ImageRecord) -> Iterator[Scene | Quarantined]:
        """The scene of an image, behind the annotations of it that are refused.

        Raises:
            DataError: the image as a whole is refused.
        """

    def photo(self, record: ImageRecord) -> Photo:
        """The image of a record; DataError if broken or not of the size the record says."""
        photo = read_photo(self.locate(field(record.image, "file_name", str)))
        said = (record.image.get("height"), record.image.get("width"))
        if said != (photo.height, photo.width):
            raise DataError(
                f"image is {photo.height}x{photo.width}, the annotation says {said[0]}x{said[1]}",
                file=photo.file,
            )
        return photo

    def locate(self, name: str, folder: int = 0) -> Path:
        """The file of that name in one of the folders, noted as referred to."""
        file = inside(self.folders[folder], name)
        self.records.staging.mark(self.relative(file))
        return file

    def licence(self, record: ImageRecord) -> str | None:
        """The name of the licence of an image."""
        number = record.image.get("license")
        return self.records.licences.get(number) if isinstance(number, int) else None


def image_files(folder: Path) -> Iterator[Path]:
    """The image files below a folder, sorted, folder by folder; no link to a folder is followed."""
    for parent, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            if name.lower().endswith(IMAGE_SUFFIXES) and not name.startswith("."):
                yield Path(parent, name)
