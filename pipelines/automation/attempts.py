"""When data that no run has succeeded on is asked for: pure decisions over what runs there were.

The data is asked for once, again with growing pauses as long as runs on it fail or are cancelled,
and never while a run is queued or at work.
"""

from collections.abc import Sequence
from dataclasses import dataclass

FIRST_PAUSE, LONGEST_PAUSE = 300.0, 86400.0


@dataclass(frozen=True, slots=True)
class Ended:
    """A run on the data in question that failed or was cancelled: the ``attempt`` it was, counted
    from 0, and when it ended, in seconds as `time.time` counts."""

    run_id: str
    attempt: int
    ended: float
    cancelled: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """Either the number of the ``attempt`` to ask for, or None and why not, in a sentence."""

    attempt: int | None
    said: str


def decide(working: str | None, ended: Sequence[Ended], now: float) -> Decision:
    """Decide about data that the last successful run has not seen.

    Args:
        working: a run of this data set that is queued or at work.
        ended: the runs on the data that did not succeed, in any order.
        now: in seconds as `time.time` counts. A run that ended well after it ended before the clock
            was set back: its pause is taken to be over, since how long ago it was cannot be known.
            Up to `FIRST_PAUSE` it has just ended, by the clock of another machine.
    """
    if working is not None:
        return Decision(None, f"run {working[:8]} is queued or at work on this data set")
    if not ended:
        return Decision(0, "")
    last = max(ended, key=lambda run: run.attempt)
    attempts = last.attempt + 1
    waited = now - last.ended
    left = pause(attempts) - waited
    how = "was cancelled" if last.cancelled else "failed"
    if waited < -FIRST_PAUSE or left <= 0:
        return Decision(attempts, f"run {last.run_id[:8]} on the same data {how}")
    return Decision(
        None,
        f"run {last.run_id[:8]} on this data {how}: attempt {attempts + 1} in {said_time(left)}, "
        "or at once when the data changes",
    )


def pause(attempts: int) -> float:
    """Return the seconds between the end of an attempt and the next one, after so many."""
    # the exponent is bounded, since a float is
    return min(FIRST_PAUSE * 2.0 ** min(attempts - 1, 32), LONGEST_PAUSE)


def said_time(seconds: float) -> str:
    """``40 s``, ``7 min`` or ``3.4 h``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
