"""A data set of one's own: a folder in a known layout, or scenes made in Python."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from unigs.datasets.catalog import DATASETS, SYNONYMS, open_dataset
from unigs.datasets.dataset import Dataset
from unigs.datasets.exports.places import of_another_format
from unigs.errors import DataError
from unigs.io.image_file import read_bytes, read_image
from unigs.scene import Entity, Scene, entities_of

__all__ = ["open_folder", "scene_of"]


def open_folder(root: Path | str, split: str, called: str = "own") -> Dataset:
    """Open one split of a data set of your own, in whichever of the layouts of `DATASETS` it has.

    Args:
        root: the folder.
        split: as in `open_dataset`.
        called: what its scenes call it.

    Raises:
        DataError: the folder has none of the layouts, or its annotation file is unreadable.
    """
    splits = [split, *([SYNONYMS[split]] if split in SYNONYMS else [])]
    for name, kind in DATASETS.items():
        if any(kind.annotations_at(Path(root), one).exists() for one in splits):
            return open_dataset(name, root, split, called)
    places = {kind.annotations_at(Path(root), split) for kind in DATASETS.values()}
    wanted = sorted(place.relative_to(root).as_posix() for place in places)
    hint = of_another_format(Path(root)) or f"looked for {', '.join(wanted)}"
    raise DataError(f"no annotations of the split {split}", file=root, hint=hint)


def scene_of(
    image_file: Path | str,
    segments: np.ndarray,
    names: Mapping[int, str],
    key: str | None = None,
    dataset: str = "own",
    split: str = "train",
) -> Scene:
    """Make a scene of an image file and its labels.

    Whatever takes scenes takes an iterator of them, e.g. `unigs.shards.build.build_shards`.

    Args:
        segments: (h, w) integers, 0 = nothing; the labels need not be without gaps.
        names: label -> class name; a label without one is void, as 0 is.
        key: unique in the data set; if None the file's name without its ending, with "-" for what a
            key does not take.

    Raises:
        DataError: the image cannot be read or has another size.
    """
    path, labels = Path(image_file), np.asarray(segments)
    read_image(path, labels.shape[:2])
    present = [label for label in np.unique(labels).tolist() if label and label in names]
    classes = list(dict.fromkeys(names.values()))
    compact = np.zeros(labels.shape, np.int32)
    known = []
    for new, label in enumerate(present, start=1):
        compact[labels == label] = new
        name = names[label]
        known.append(Entity(new, name, classes.index(name) + 1, True, 0, (0.0, 0.0), str(label)))
    said = json.dumps([one.class_name for one in known]).encode()
    return Scene(
        key=key or re.sub(r"[^A-Za-z0-9_-]", "-", path.stem),
        dataset=dataset,
        split=split,
        image_file=path,
        segments=compact,
        entities=entities_of(compact, known),
        crowd=(),
        image_digest=hashlib.sha256(read_bytes(path)).hexdigest(),
        annotation_digest=hashlib.sha256(compact.tobytes() + said).hexdigest(),
        turned=True,
    )
