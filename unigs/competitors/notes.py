"""What a reader of another model's metrics has to know: told once, and counted."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from unigs.io.distributed import rank_and_world

logger = logging.getLogger(__name__)
_NAMED = 5


def told(names: Sequence[str], what: str) -> float:
    """Warn of `names` with the first few of them, in the first process alone; return how many
    there are.

    Args:
        what: ends the sentence that begins with the number, e.g. "images have no prediction".
    """
    if names and rank_and_world()[0] == 0:
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        logger.warning("%d %s: %s%s", len(names), what, ", ".join(names[:_NAMED]), more)
    return float(len(names))
