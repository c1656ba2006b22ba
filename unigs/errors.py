"""Errors that the command line reports as one line on stderr, with exit code 1."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = [
    "ConfigError",
    "DataError",
    "DeviceError",
    "ModelError",
    "TransientError",
    "UnigsError",
    "UnreadableError",
]


class UnigsError(Exception):
    """A failure that the user can act on, reported in one line.

    Args:
        message: what is wrong.
        file: the file it is wrong in.
        record: the record inside the file (an id, a key, a line).
        hint: what to do about it.

    Attributes:
        file: as given.
        reason: the message alone, in one line.
    """

    def __init__(
        self,
        message: str,
        *,
        file: object | None = None,
        record: object | None = None,
        hint: str | None = None,
    ) -> None:
        where = ": ".join(str(part) for part in (file, record) if part is not None)
        text = f"{where}: {message}" if where else message
        super().__init__(one_line(f"{text} ({hint})" if hint else text))
        self.file = file
        self.reason = one_line(message)


class DataError(UnigsError):
    """A data set, a shard or a record that cannot be used."""


class UnreadableError(DataError):
    """A file that is gone, or whose disk or mount failed: it may be read again later."""


class ModelError(UnigsError):
    """A model folder, a weight file or a component that cannot be used."""


class TransientError(UnigsError):
    """A failure that passes: the same work can succeed when it is tried again later."""


class DeviceError(ModelError, TransientError):
    """An accelerator that failed; a new process can use it again."""


class ConfigError(UnigsError):
    """A preset, an option or a combination of options that cannot be used."""


def one_line(text: str) -> str:
    """Return the text with every run of white space turned into one blank, printable everywhere."""
    return " ".join(text.encode("utf-8", "backslashreplace").decode("utf-8").split())


def choices(given: object, known: Iterable[str]) -> str:
    """Return the hint for a name that is none of the known ones: the nearest of them, then all."""
    names = list(known)
    close = get_close_matches(str(given), names, n=1)
    near = close or [name for name in names if given and str(given) in name][:1]
    return f"{f'did you mean {near[0]}? ' if near else ''}give one of {', '.join(names)}"
