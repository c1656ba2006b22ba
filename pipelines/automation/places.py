"""What lies at a place that is watched: files below a folder, or objects below an address.

A look at many objects asks the server once for each thousand, and reading its answers takes some
ten microseconds an object: after a look that took long an address is left alone for a while, so
that watching it stays below 2 % of a core.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from unigs.index.listing import list_files

Look = tuple[int, int]

# CPU seconds of a look from which on it is paid back by a rest, 2 % of the minute between looks,
# and the length of the rest in such seconds.
_LONG, _REST = 1.2, 50.0


@dataclass(frozen=True, slots=True)
class Rest:
    """An address that is not listed now: what the last look saw, and when the next may be, in
    seconds as `time.monotonic` counts."""

    listing: str
    files: int
    until: float

    @property
    def seconds(self) -> float:
        """What is left of it."""
        return max(0.0, self.until - time.monotonic())


_RESTS: dict[str, Rest] = {}


def listed_at(root: Path | str) -> tuple[Mapping[str, Look], Mapping[str, str]]:
    """Return name -> (bytes, time of change in ns), and of objects name -> version.

    Raises DataError for an address that cannot be reached, or has no objects.
    """
    if isinstance(root, Path):
        return list_files(root), {}
    from unigs.errors import DataError
    from unigs.remote.listing import list_objects

    listed = list_objects(root)
    if not listed.looks:
        raise DataError("no objects there", file=root, hint="correct UNIGS_ROOT")
    return listed.looks, listed.versions


def resting(root: Path | str) -> Rest | None:
    """Return the rest of an address; None when it may be listed. A folder never rests."""
    rest = _RESTS.get(root) if isinstance(root, str) else None
    return rest if rest is not None and rest.seconds else None


def let_rest(root: Path | str, listing: str, files: int, took: float) -> None:
    """Leave an address alone if the look at it was a long one: ``took`` CPU seconds."""
    if isinstance(root, str) and took > _LONG:
        _RESTS[root] = Rest(listing, files, time.monotonic() + _REST * took)
