"""Where the heavy work of an asset runs: what every launcher offers."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import dagster as dg

from unigs.io.spread import Spread

# Work takes its order, and what spreads its jobs over a cluster: None on this machine alone. Its
# answer is small, at most some hundred characters as JSON.
Work = Callable[[Mapping[str, Any], Spread | None], Any]


class Launcher(dg.ConfigurableResource, ABC):
    """Runs heavy work for an asset. What goes in is JSON, what it makes lies in ``place``: a folder
    that every machine of the launcher sees."""

    @abstractmethod
    def start(
        self,
        context: dg.AssetExecutionContext,
        module: str,
        order: Mapping[str, Any],
        place: Path,
    ) -> None:
        """Run ``python -m module`` to its end; ``order`` is its Pipes extras.

        Raises :class:`~unigs.errors.UnigsError` with its last output when it fails.
        """

    @abstractmethod
    def call(
        self, context: dg.AssetExecutionContext, work: Work, order: Mapping[str, Any], place: Path
    ) -> Any:
        """Call ``work``, a function of a module, with ``order``; return its answer.

        Raises :class:`~unigs.errors.UnigsError` with the reason when it fails.
        """
