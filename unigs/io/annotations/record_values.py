"""What the values in annotation records mean, in the forms in which exporters write them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, TypeVar

from unigs.errors import DataError

Field = TypeVar("Field")
_FLAGS = {"0": False, "1": True, "false": False, "true": True}


def field(record: Any, name: str, kind: type[Field]) -> Field:
    """Return a field of a JSON object that must have the given type; raise DataError otherwise."""
    value = present(record, name)
    # bool is an int to Python, but no id or size is written as true
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise DataError(f"field {name!r} should be {kind.__name__}, is {json_kind(value)}")
    return value


def present(record: Any, name: str) -> Any:
    """Return a field of a JSON object, whatever its value; raise DataError where there is none."""
    if not isinstance(record, dict):
        raise DataError(f"expected an object, found {json_kind(record)}")
    if name not in record:
        raise DataError(f"field {name!r} is missing")
    return record[name]


def identity(record: Any, name: str) -> str:
    """Return the id in a field, as a text that is equal for equal ids: any number or text is one.

    It begins with `n` for a number and with `s` for a text, so that 1 and "1" differ; 1 and 1.0 do
    not.

    Raises:
        DataError: the field is missing or holds neither.
    """
    value = present(record, name)
    if isinstance(value, str):
        return "s" + value.encode("utf-8", "backslashreplace").decode()
    number = whole_number(value)
    if number is None and isinstance(value, float) and math.isfinite(value):
        return f"n{value!r}"
    if number is None:
        raise DataError(f"field {name!r} should be a number or a text, is {json_kind(value)}")
    return f"n{number}"


def other_form(identity: str) -> str:
    """Return the id 1 for the id "1", and the other way round."""
    return ("s" if identity[0] == "n" else "n") + identity[1:]


def whole_number(value: Any) -> int | None:
    """Return the whole number that a JSON value is, also as 7.0 or "7"; None if it is none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    if isinstance(value, str):
        return int(value) if re.fullmatch(r"-?[0-9]{1,18}", value.strip()) else None
    return value if isinstance(value, int) else None


def whole(record: Any, name: str) -> int:
    """Return the whole number in a field, also as 7.0 or "7"; raise DataError if it holds none."""
    number = whole_number(present(record, name))
    if number is None:
        raise DataError(f"field {name!r} should be int, is {json_kind(record[name])}")
    return number


def flag(record: dict[str, Any], name: str, default: bool) -> bool:
    """Return what a field says that is 0 or 1, as number, text or truth value.

    A field that is missing or null says the default; raise DataError if it says anything else.
    """
    value = record.get(name)
    if value is None:
        return default
    said = truth_value(value)
    if said is None:
        raise DataError(f"field {name!r} should be 0 or 1, is {str(value)[:40]}")
    return said


def truth_value(value: Any) -> bool | None:
    """Return what a JSON value says that is 0 or 1 as number, text or truth value; None if it is
    none."""
    if isinstance(value, list | tuple | Mapping):
        return None
    return _FLAGS.get(str(value).strip().lower().removesuffix(".0"))


def is_finite(value: Any) -> bool:
    """Return whether a JSON value is a number that a coordinate can have."""
    # a huge integer is finite, but too large to become a float
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < 1e9 if isinstance(value, int) else math.isfinite(value)


def said_size(record: dict[str, Any]) -> tuple[int | None, int | None]:
    """Return the height and width in pixels that the record of an image gives; None where it gives
    none.

    Some exporters write -1, 0 or null for what they do not know, others leave it out.
    """
    height, width = (whole_number(record.get(side)) for side in ("height", "width"))
    return (
        height if height is not None and height > 0 else None,
        width if width is not None and width > 0 else None,
    )


def json_kind(value: Any) -> str:
    """Return the kind of a JSON value in the words of JSON."""
    if value is None:
        return "null"
    kinds = {bool: "a truth value", int: "a number", float: "a number", str: "a text"}
    return kinds.get(type(value), "a list" if isinstance(value, list) else "an object")
