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
from unigs.datasets.scene_keys import MAX_KEY, name_beside, scene_key
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
        key: unique in the data set, of letters, digits, `_` and `-`; if None as in every data set:
            the file's name without its ending, with "-" for other characters, and with a hash where
            that does not tell it from others.

    Raises:
        DataError: the image cannot be read or has another size, or labels, names or key are none.
    """
    path, labels = Path(image_file), np.asarray(segments)
    if labels.ndim != 2 or labels.dtype.kind not in "bui":
        raise DataError(
            f"labels of shape {labels.shape} and type {labels.dtype}",
            file=path,
            hint="give an (h, w) array of integers with 0 for nothing",
        )
    height, width = read_image(path).shape[:2]
    if labels.shape != (height, width):
        raise DataError(
            f"image is {height}x{width}, expected {labels.shape[0]}x{labels.shape[1]}",
            file=path,
            hint="give labels of the image's height and width, as it is seen upright",
        )
    for label, name in names.items():
        if not isinstance(name, str) or not name.strip():
            raise DataError(f"name {name!r} of label {label}", file=path, hint="give a text")
    if key is not None and not re.fullmatch(rf"[A-Za-z0-9_-]{{1,{MAX_KEY}}}", key):
        raise DataError(
            f"key {key!r}", file=path, hint=f"give up to {MAX_KEY} letters, digits, _ and -"
        )
    own = key or scene_key(path.name)
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
        key=own,
        dataset=dataset,
        split=split,
        image_file=path,
        segments=compact,
        entities=entities_of(compact, known),
        crowd=(),
        image_digest=hashlib.sha256(read_bytes(path)).hexdigest(),
        annotation_digest=hashlib.sha256(compact.tobytes() + said).hexdigest(),
        turned=True,
        file_name=name_beside(own, path.name) if key is None else None,
    )
