"""Where an annotation tool leaves its COCO file and its pictures, and which split an image is in.

Roboflow writes a folder a split, CVAT a file a subset; Label Studio, LabelMe and VIA know no
splits, and their single export is divided here: an image belongs to `val` if the hash of its name
says so, so that it hardly ever moves when others are added.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from unigs.io.annotations.text_encoding import encoding_of

# What tools call the splits of `unigs run`: Roboflow says valid, CVAT has capitals.
WORDS = {
    "train": ("train", "Train", "training"),
    "val": ("val", "valid", "validation", "Validation", "Val"),
    "test": ("test", "Test"),
}
# Roboflow; CVAT; Label Studio; LabelMe's labelme2coco.py; FiftyOne; VIA (via_export_coco.json).
NAMES = (
    "_annotations.coco.json",
    "annotations/instances_default.json",
    "result.json",
    "annotations.json",
    "labels.json",
    "*coco*.json",
)
# One image in so many is for validation where the tool knows no splits.
VAL_SHARE = 5
_NUMBERS = 1 << 64
# Enough to meet the members that tell whose format a file is.
_HEAD = 1 << 12


class Place(NamedTuple):
    """An annotation file, the folder of the export, the folder of its pictures, and whether the
    file holds both splits."""

    file: Path
    home: Path
    pictures: Path
    undivided: bool


def find_place(root: Path, split: str) -> Place | None:
    """Return where the export of a split is below a folder; None if nowhere known."""
    for word in WORDS.get(split, (split,)):
        file = root / "annotations" / f"instances_{word}.json"
        if file.is_file():
            return Place(file, root, _pictures(root, word), False)
        found = _named(root / word)
        if found is not None:
            return Place(found, root / word, _pictures(root / word, "default"), False)
    found = _named(root) if split in ("train", "val") else None
    return None if found is None else Place(found, root, _pictures(root, "default"), True)


class Division:
    """Which images of an undivided export are for validation: by the hash of the key one in
    `VAL_SHARE`, and in any case that of the least hash but not that of the greatest.

    Args:
        keys: of all images.
    """

    def __init__(self, keys: Iterable[str]) -> None:
        numbers = [_number(key) for key in keys]
        self._least, self._greatest = min(numbers, default=0), max(numbers, default=0)

    def holds(self, key: str, split: str) -> bool:
        """Return whether the image of that key is in a split, `train` or `val`."""
        number = _number(key)
        val = number < _NUMBERS // VAL_SHARE and number != self._greatest
        return (val or number == self._least) == (split == "val")


def _number(key: str) -> int:
    return int.from_bytes(hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()[:8])


def _named(folder: Path) -> Path | None:
    for name in NAMES:
        for file in sorted(folder.glob(name)):
            if file.is_file():
                return file
    return None


def _pictures(home: Path, word: str) -> Path:
    for name in (f"images/{word}", "images", "data", "JPEGImages"):
        if (home / name).is_dir():
            return home / name
    return home


def of_another_format(root: Path) -> str | None:
    """Return what a folder holds in a tool's own format, and which export is read; None if it holds
    nothing of the kind."""
    for file in sorted(root.glob("*.json")):
        with file.open("rb") as opened:
            data = opened.read(_HEAD)
        head = data.decode(encoding_of(data), "replace")
        if '"_via_' in head or '"shape_attributes"' in head or '"region_attributes"' in head:
            return f"{file.name} is VIA's own format: export the annotations as COCO there"
        if head.lstrip().startswith("[") and '"annotations"' in head:
            return f"{file.name} is Label Studio's own format: export COCO with images there"
    return None
