"""Class names as prompts use them: "brick wall", not "wall-brick"; "sky", not "sky-other-merged".

The whole table stands in docs/data.md.
"""

from __future__ import annotations

import re

from unigs.errors import DataError

_SUFFIXES = ("-merged", "-other", "-stuff")
_EXCEPTIONS = {
    "floor-wood": "wooden floor",
    "hair drier": "hair dryer",
    "playingfield": "playing field",
    "tv": "television",
    "wall-brick": "brick wall",
    "wall-stone": "stone wall",
    "wall-tile": "tiled wall",
    "wall-wood": "wooden wall",
}


def prompt_name(source_name: str) -> str:
    """Turn the class name of a data set into the one prompts use.

    Lower case; the first of several synonyms ("car, auto" -> "car"); no remark in brackets; none
    of the suffixes -merged, -other, -stuff; blanks for underscores and hyphens.

    Raises:
        DataError: nothing is left.
    """
    name = re.sub(r"\(.*?\)", " ", source_name.lower()).split(",")[0].strip()
    while name.endswith(_SUFFIXES):
        name = name[: name.rindex("-")]
    if name in _EXCEPTIONS:
        return _EXCEPTIONS[name]
    # what else punctuation there is would end a prompt or split its list of names
    name = " ".join(re.sub(r"[^\w' ]|_", " ", name).split())
    if not name:
        raise DataError(f"class name {source_name!r} holds no word")
    return name
