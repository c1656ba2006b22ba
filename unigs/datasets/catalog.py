"""The data sets by name."""

from __future__ import annotations

from pathlib import Path

from unigs.datasets.ade20k import Ade20k
from unigs.datasets.coco.entityseg import EntitySeg
from unigs.datasets.coco.instances import CocoInstances
from unigs.datasets.coco.panoptic import CocoPanoptic
from unigs.datasets.dataset import Dataset
from unigs.datasets.exports.coco_export import CocoExport
from unigs.datasets.exports.labelme import LabelMe
from unigs.datasets.open_images.reader import OpenImages
from unigs.errors import ConfigError, choices

DATASETS: dict[str, type[Dataset]] = {
    "coco_panoptic": CocoPanoptic,
    "coco_instances": CocoInstances,
    "open_images": OpenImages,
    "entityseg": EntitySeg,
    "ade20k": Ade20k,
    "shapes": CocoPanoptic,
    "coco_export": CocoExport,
    "labelme": LabelMe,
}

# One word for the same split in every data set; the data set's own is taken where it has one.
SYNONYMS = {"val": "validation", "validation": "val", "train": "training", "training": "train"}


def open_dataset(name: str, root: Path | str, split: str, called: str | None = None) -> Dataset:
    """Open one split of a data set in its own layout on disk.

    Args:
        name: a key of `DATASETS`.
        root: the folder the data set was unpacked into.
        split: "train", "val" or what else the data set has; "validation" is another word for "val".
        called: what its scenes call it, where several data sets have one format; `name` if None.

    Raises:
        ConfigError: no such data set.
        DataError: the folder or its annotation file is missing or unreadable.
    """
    if name not in DATASETS:
        raise ConfigError(f"unknown data set {name!r}", hint=choices(name, DATASETS))
    kind, folder = DATASETS[name], Path(root)
    other = SYNONYMS.get(split)
    if other and not kind.annotations_at(folder, split).exists():
        split = other if kind.annotations_at(folder, other).exists() else split
    return kind(called or name, folder, split)


def annotations_missing(name: str, root: Path, split: str) -> Path | None:
    """Return the file or folder of a split's annotations if it is not there, else None.

    Args:
        name: a key of `DATASETS`.
    """
    kind = DATASETS[name]
    places = [kind.annotations_at(root, word) for word in (split, SYNONYMS.get(split, split))]
    return None if any(place.exists() for place in places) else places[0]
