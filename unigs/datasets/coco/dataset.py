"""The common base of the readers of COCO's JSON layouts."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import astuple, replace
from functools import cached_property, partial
from pathlib import Path

from unigs.datasets.coco.records import CocoRecords, ImageRecord
from unigs.datasets.dataset import Category, Dataset, Record
from unigs.datasets.photo import SIZE_UNKNOWN, Photo, annotation_digest, read_photo
from unigs.errors import DataError
from unigs.io.annotations.file_names import located
from unigs.io.annotations.record_values import field, said_size
from unigs.io.image_file import image_files
from unigs.scene import Quarantined, Scene


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
            raise DataError("no such file", file=annotation_file, hint="check root and split")
        for folder in folders:
            if not folder.is_dir():
                raise DataError("no such folder", file=folder, hint="check root and split")

    @cached_property
    def document(self) -> CocoRecords:
        """The parsed annotation file."""
        return CocoRecords(self.annotation_file, self.locate)

    @property
    def categories(self) -> dict[int, Category]:
        return self.document.categories

    @property
    def notes(self) -> dict[str, int]:
        return dict(self.document.notes)

    def records(self) -> Iterator[Record | Quarantined]:
        for record, reason in self.document.staging.quarantined():
            yield Quarantined(self.relative(self.annotation_file), record, reason)
        classes = annotation_digest([astuple(kind) for kind in self.categories.values()])
        for image in self.document:
            name = f"image {image.image['id']}"
            try:
                files = self.files(image)
            except DataError as error:
                yield self.quarantined(name, error, self.annotation_file)
                continue
            said = (classes, self.document.licence(image.image), image.image, image.annotations)
            read = partial(self.read_image, image, files)
            yield Record(image.key, name, self.annotation_file, said, files, read)
        for file in image_files(self.folders[0]):
            if not self.document.staging.marked(self.relative(file)):
                reason = "the annotation file does not refer to it"
                yield Quarantined(self.relative(file), "image", reason)

    def files(self, image: ImageRecord) -> tuple[Path, ...]:
        """Return the files of an image, its photo first.

        Raises DataError if one has no proper name.
        """
        file = image.file or self.locate(field(image.image, "file_name", str))
        self.document.staging.mark(self.relative(file))
        return (file,)

    def locate(self, name: str) -> Path:
        """Return the image of that file name."""
        return located(self.folders[0], name)

    @abstractmethod
    def read_image(
        self, image: ImageRecord, files: tuple[Path, ...]
    ) -> Iterator[Scene | Quarantined]:
        """Return the quarantined annotations of an image, then its scene.

        Raises:
            DataError: the whole image is quarantined.
        """

    def photo(self, image: ImageRecord, file: Path, size: tuple[int, int] | None = None) -> Photo:
        """Return the photo of an image, in the annotated orientation.

        Args:
            image: its record.
            file: where it is.
            size: (h, w) of what is annotated, where the record of the image does not give it.

        Raises:
            DataError: broken, or not of the size its record says.
        """
        photo = read_photo(file)
        said = said_size(image.image)
        if None in said:
            photo = replace(photo, notes=(SIZE_UNKNOWN,)).annotated(*size or said)
        else:
            photo = photo.annotated(*said)
        photo.require_size(*said)
        return photo
