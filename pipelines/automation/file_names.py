"""What the names of a data set's files tell: annotations, copies of them, and splits."""

import re
from collections.abc import Collection, Iterable, Iterator
from functools import lru_cache

from assets_defs.run.partitions import SPLITS

ANNOTATION_SUFFIXES = (".json", ".csv", ".png", ".txt")
_IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif")

# "a (1).json", "a copy 2.json", "a - Copy (2).json", "Copy of a.json", "a.bak.json", "#a.json#":
# what is left is the name of the original.
_COPIES = (
    re.compile(r"^#(?P<stem>.+?)(?P<suffix>)#?$"),
    re.compile(r"^copy of (?P<stem>.+)(?P<suffix>)$", re.IGNORECASE),
    re.compile(r"^(?P<stem>.+)\s\(\d+\)(?P<suffix>\.\w+)?$"),
    re.compile(
        r"^(?P<stem>.+?)[\s_-]+copy(?: \d+| \(\d+\))?(?P<suffix>\.\w+)?$",
        re.IGNORECASE,
    ),
    re.compile(
        r"^(?P<stem>.+)[\s._-](?:bak|backup|backups|orig|old|tmp|part)(?P<suffix>\.\w+)?$",
        re.IGNORECASE,
    ),
)
_FOLDER_OF_COPIES = re.compile(r"^\.?(bak|backup|backups|orig|old|tmp|part)$", re.IGNORECASE)
# A whole word, as in "val2017", "oidv6-train", "ADE_validation": not "interval" or "trainer".
_WORDS = {"train": ("training", "train"), "val": ("validation", "valid", "val")}
_SPLIT_WORDS = {
    split: re.compile(rf"(?<![a-z])(?:{'|'.join(_WORDS[split])})(?![a-z])", re.IGNORECASE)
    for split in SPLITS
}


def splits_of(name: str, names: Collection[str]) -> tuple[str, ...]:
    """Return the splits that a file is of; all of them where its name does not tell.

    Folders tell before the file does. An image's own name tells nothing: it is what somebody
    called the picture. That of an annotation file does where another split has one of the same
    name: `instances_train2017.json` beside `instances_val2017.json`. Tools that know no splits
    write a file an image, whose name is the image's.

    Args:
        name: path relative to the root of the data set.
        names: those of all files.
    """
    folder, _, file = name.rpartition("/")
    if found := _named(folder):
        return found
    suffix = file[file.rfind(".") :].lower()
    found = _named(file)
    if suffix in _IMAGE_SUFFIXES or len(found) != 1:
        return SPLITS
    if suffix not in ANNOTATION_SUFFIXES or any(one in names for one in _siblings(name, *found)):
        return found
    return SPLITS


def annotation_names(names: Iterable[str]) -> set[str]:
    """Return which of a data set's files are annotations: where it has a folder of that name those
    below it, else all with such a suffix."""
    found = {name for name in names if name.lower().endswith(ANNOTATION_SUFFIXES)}
    below = {name for name in found if "annotations" in name.split("/")[:-1]}
    return below or found


def is_copy(name: str, names: Collection[str]) -> bool:
    """Return whether a file among the annotations is a copy that an editor or somebody keeps beside
    the one that counts, which is there; photographs may be called so."""
    below = "annotations" in name.split("/")[:-1]
    if not below and not name.lower().endswith(ANNOTATION_SUFFIXES):
        return False
    return any(original in names for original in _originals(name))


def _originals(name: str) -> Iterator[str]:
    """Yield the names that a file may be a copy of."""
    parts = name.split("/")
    for place, part in enumerate(parts):
        before, after = parts[:place], parts[place + 1 :]
        if after and _FOLDER_OF_COPIES.match(part):
            yield "/".join([*before, *after])
        for pattern in _COPIES:
            if match := pattern.match(part):
                yield "/".join([*before, match["stem"] + (match["suffix"] or ""), *after])


def _siblings(name: str, split: str) -> Iterator[str]:
    """Yield what the file of the same kind of another split would be called."""
    folder, slash, file = name.rpartition("/")
    for other in SPLITS:
        if other != split:
            for word in _WORDS[other]:
                yield folder + slash + _SPLIT_WORDS[split].sub(word, file)


@lru_cache(maxsize=4096)
def _named(text: str) -> tuple[str, ...]:
    return tuple(split for split in SPLITS if _SPLIT_WORDS[split].search(text))
