"""The fields of COCO's records, checked one by one: ids, flags, numbers.

Every function raises DataError that says what was found; the caller adds file and record.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, TypeGuard

from unigs.errors import DataError
from unigs.io.annotations.record_values import truth_value


def record_of(value: Any) -> Mapping[str, Any]:
    """Return the value, which must be an object."""
    if not isinstance(value, Mapping):
        raise DataError(f"is {shown(value)}, not an object")
    return value


def records_of(content: Mapping[str, Any], part: str, kind: str) -> list[Any]:
    """Return the list under a name."""
    records = content.get(part) if isinstance(content, Mapping) else None
    if not isinstance(records, list | tuple):
        raise DataError(f"no list of {part}", hint=f"give a COCO {kind} JSON")
    return list(records)


def required(record: Mapping[str, Any], *names: str) -> None:
    """DataError unless the record has all the fields."""
    missing = [name for name in names if name not in record]
    if missing:
        raise DataError(f"without {', '.join(missing)}")


def identifier(record: Mapping[str, Any], name: str = "id") -> int | float | str:
    """Return an id: a number or a text."""
    value = record.get(name)
    if isinstance(value, str) or is_number(value):
        return value
    raise DataError(f"{name} is {shown(value)}, neither a number nor a text")


def number(record: Mapping[str, Any], name: str) -> float:
    """Return a finite number."""
    value = record.get(name)
    if not is_number(value):
        raise DataError(f"{name} is {shown(value)}, not a finite number")
    return float(value)


def whole(record: Mapping[str, Any], name: str, least: int, most: int) -> int:
    """Return a whole number from `least` to `most`; 48.0 counts as 48."""
    value = record.get(name)
    if not is_number(value) or value != int(value) or not least <= value <= most:
        raise DataError(f"{name} is {shown(value)}, not a whole number from {least} to {most}")
    return int(value)


def flag(record: Mapping[str, Any], name: str) -> bool:
    """0 or 1, as number, text or truth value; absent and null are 0."""
    value = record.get(name)
    said = False if value is None else truth_value(value)
    if said is None:
        raise DataError(f"{name} is {shown(value)}, neither 0 nor 1")
    return said


def is_number(value: Any) -> TypeGuard[float]:
    """Return whether a value is a finite number that a float can hold."""
    if isinstance(value, bool) or not hasattr(value, "__float__"):
        return False
    try:
        return math.isfinite(value)
    except (OverflowError, TypeError, ValueError):
        return False


def shown(value: Any) -> str:
    """Return a value in a message: short, null and the others as JSON has them."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list | tuple):
        return "a list"
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def id_text(value: int | float | str | None) -> str:
    """Return an id as text: 7, 7.0 and "7" are one."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


class Ids:
    """Distinct ids, numbered from 1 in their order: numbers first, then texts.

    A number finds the text that says the same, and a text the number, when only one is listed.

    Args:
        values: the ids, as `identifier` gave them.
        what: what they are the ids of, for the message.

    Raises:
        DataError: an id is listed twice.
    """

    def __init__(self, values: Iterable[int | float | str], what: str) -> None:
        listed = list(values)
        ordered = sorted(set(listed), key=lambda one: (isinstance(one, str), one))
        if len(ordered) < len(listed):
            twice = next(one for one, times in Counter(listed).items() if times > 1)
            raise DataError(f"{what} {shown(twice)} is listed twice")
        self._numbers: dict[int | float | str, int] = {
            one: index for index, one in enumerate(ordered, 1)
        }
        self._texts: dict[str, int] = {}
        for one, index in self._numbers.items():
            self._texts[str(one)] = 0 if str(one) in self._texts else index

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, value: int | float | str) -> int:
        return self._numbers[value]

    def find(self, value: int | float | str) -> int | None:
        """Return the number of an id; None if it is not listed."""
        found = self._numbers.get(value)
        return found or self._texts.get(str(value)) or None
