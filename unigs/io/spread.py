"""The one thing that a build of shards asks of a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol


class Spread(Protocol):
    """Do jobs on other machines that see the same files; `over_processes` is its like on this one.

    Args:
        work: a function of a module, called with one job; a job may be done again after the
            machine that did it is lost.
        jobs: asked for as places become free.
        prepare: called with 0 in each process before its first job; a function of a module, or a
            partial of one.

    Yields:
        how many jobs were done since the last.
    """

    def __call__(
        self,
        work: Callable[[Any], object],
        jobs: Iterable[Any],
        prepare: Callable[[int], None] | None = None,
    ) -> Iterator[int]: ...
