"""What annotations say of an image before any of its files is opened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from unigs.datasets.coco.dataset import CocoDataset
from unigs.datasets.dataset import Dataset, Record
from unigs.datasets.open_images.reader import OpenImages
from unigs.errors import DataError
from unigs.io.annotations.record_values import flag, said_size


@dataclass(frozen=True, slots=True)
class Outline:
    """The entities of an image as its annotations list them, crowds left out.

    Attributes:
        classes: class name of each entity, the larger first where areas are given.
        shares: area of each as a share of the image; None where it is not said.
    """

    classes: tuple[str, ...]
    shares: tuple[float | None, ...]


def outline_of(dataset: Dataset, record: Record) -> Outline | None:
    """Return what is said of a record of that data set; None where its annotations are in files of
    their own (ADE20K) or cannot be read."""
    try:
        if isinstance(dataset, OpenImages):
            names = tuple(record.said[1])
            return Outline(names, (None,) * len(names))
        if isinstance(dataset, CocoDataset):
            return _of_coco(dataset, *record.said[2:4])
    except (DataError, AttributeError, IndexError, KeyError, TypeError, ValueError):
        # reading the image will say what is wrong
        return None
    return None


def _of_coco(
    dataset: CocoDataset, image: dict[str, Any], annotations: tuple[dict[str, Any], ...]
) -> Outline:
    height, width = said_size(image)
    pixels = height * width if height and width else None
    found = []
    for annotation in annotations:
        # a panoptic annotation lists its segments, one of instances is one
        for info in annotation.get("segments_info", [annotation]):
            # 0 is by far the commonest; `flag` knows all forms
            if info.get("iscrowd") != 0 and flag(info, "iscrowd", False):
                continue
            area = info.get("area")
            share = float(area) / pixels if area is not None and pixels else None
            found.append((dataset.document.category(info).name, share))
    found.sort(key=lambda entity: -(entity[1] or 0))
    return Outline(tuple(name for name, _ in found), tuple(share for _, share in found))
