"""Class names as prompts use them: "brick wall", not "wall-brick"; "sky", not "sky-other-merged".

The whole table is in docs/data.md.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from unigs.errors import DataError, one_line
from unigs.io.annotations.record_values import json_kind, whole_number

# longer ones are shortened, so that a prompt of four names fits a text encoder
MAX_WORDS = 8
MAX_CHARACTERS = 100
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
# Indic and Persian words, and emoji, hold these between their letters
_JOINERS = "\u200c\u200d"
_SHADES = "".join(map(chr, range(0x1F3FB, 0x1F400)))


def prompt_name(source_name: str) -> str:
    """Turn the class name of a data set into the one prompts use.

    Lower case; the first of several synonyms ("car, auto" -> "car"); no remark in brackets; none
    of the suffixes -merged, -other, -stuff; blanks for underscores and hyphens. Letters keep their
    accents and vowel signs, composed (Unicode NFC).

    Raises:
        DataError: nothing is left.
    """
    lower = unicodedata.normalize("NFC", source_name.lower())
    name = re.sub(r"\(.*?\)", " ", lower).split(",")[0].strip()
    while name.endswith(_SUFFIXES):
        name = name[: name.rindex("-")]
    if name in _EXCEPTIONS:
        return _EXCEPTIONS[name]
    # what else punctuation there is would end a prompt or split its list of names
    name = " ".join("".join(c if _belongs_to_a_word(c) else " " for c in name).split())
    if not any(c.isalnum() or unicodedata.category(c) == "So" for c in name):
        raise DataError(f"class name {source_name!r} holds no word")
    return name


def class_names(sources: Mapping[int, Any]) -> tuple[dict[int, str], list[str]]:
    """Return the names in prompts of the classes of a data set.

    A name without a word becomes "class 7" after the id, a long one is cut to `MAX_WORDS` words
    and `MAX_CHARACTERS` characters. Two different names may become one.

    Args:
        sources: id -> name in the data set: a text, a number, or None.

    Returns:
        id -> name; a sentence for each of the liberties above that was taken.
    """
    found = {number: _name(number, source) for number, source in sources.items()}
    notes = [note for _, note in found.values() if note]
    names = {number: name for number, (name, _) in found.items()}
    shortened = {number for number, (_, note) in found.items() if "shortened" in note}
    sharing: defaultdict[str, list[int]] = defaultdict(list)
    for number, name in names.items():
        sharing[name].append(number)
    for name, numbers in sharing.items():
        if len(numbers) > 1 and shortened.isdisjoint(numbers):
            listed = ", ".join(f"{number} ({sources[number]})" for number in numbers[:5])
            more = f" and {len(numbers) - 5} more" if len(numbers) > 5 else ""
            notes.append(f"classes {listed}{more} share the name {name!r}")
        for number in shortened.intersection(numbers if len(numbers) > 1 else ()):
            names[number] = f"{name} {number}"
    return names, [one_line(note) for note in notes]


def source_text(value: Any) -> str:
    """Return the name of a class as text: numbers are names too, null is an empty one.

    Raises:
        DataError: it is a list or an object.
    """
    if value is None:
        return ""
    if isinstance(value, list | dict):
        raise DataError(f"field 'name' should be a text, is {json_kind(value)}")
    number = whole_number(value) if isinstance(value, float) else None
    return str(value if number is None else number)


def _name(number: int, source: Any) -> tuple[str, str]:
    """Return the name of one class, and what to note of it or ""."""
    text = source_text(source)
    try:
        name = prompt_name(text)
    except DataError:
        name = f"class {number}"
        return name, f"class {number} has a name without a word, {text!r}: it is called {name!r}"
    short = " ".join(name.split()[:MAX_WORDS])[:MAX_CHARACTERS].strip()
    if short == name:
        return name, ""
    return short, f"the name of class {number}, {text[:200]!r}, is shortened to {short!r}"


def _belongs_to_a_word(character: str) -> bool:
    if character.isalnum() or character in "' " + _JOINERS:
        return True
    # M: accents and vowel signs; So: pictures such as emoji
    category = unicodedata.category(character)
    return category[0] == "M" or category == "So" or character in _SHADES
