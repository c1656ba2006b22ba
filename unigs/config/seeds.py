"""Random seeds that people give: whole numbers that every generator takes."""

from __future__ import annotations

import operator
from typing import Any

from unigs.errors import ConfigError

# What torch and numpy both take.
_END = 1 << 63


def checked_seed(seed: Any, argument: str = "seed") -> int:
    """Return the seed as an int.

    Raises ConfigError unless it is a whole number from 0 to 2**63 - 1.
    """
    number = whole_number(seed)
    if number is None or not 0 <= number < _END:
        shown = "empty" if seed is None or seed == "" else repr(seed)[:40]
        raise ConfigError(f"{argument}: {shown}", hint="give a whole number from 0 to 2**63 - 1")
    return number


def whole_number(value: Any) -> int | None:
    """Return an int, or a float of a whole value, as an int; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float) and value.is_integer():
        return int(value)
    try:
        return operator.index(value)
    except TypeError:
        return None
