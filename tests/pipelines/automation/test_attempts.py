"""Data is asked for once, again after growing pauses, and never beside a run."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.automation.attempts import FIRST_PAUSE, LONGEST_PAUSE, Ended, decide, pause

NOW = 1_000_000.0


def test_new_data_is_asked_for_at_once() -> None:
    assert decide(None, [], NOW).attempt == 0


@given(st.lists(st.integers(0, 5)), st.floats(-1e9, 1e9))
def test_nothing_is_asked_for_beside_a_run(attempts: list[int], now: float) -> None:
    ended = [Ended("a", attempt, NOW) for attempt in attempts]
    decision = decide("0123456789", ended, now)
    assert decision.attempt is None
    assert "run 01234567 is queued or at work" in decision.said


@given(st.lists(st.integers(0, 40), min_size=1), st.floats(0, 1e7))
def test_the_next_attempt_has_a_number_of_its_own_after_its_pause(
    attempts: list[int], waited: float
) -> None:
    ended = [Ended("0123456789", attempt, NOW) for attempt in attempts]
    decision = decide(None, ended, NOW + waited)
    assert (decision.attempt is not None) == (waited >= pause(max(attempts) + 1))
    if decision.attempt is not None:
        assert decision.attempt == max(attempts) + 1
    else:
        assert "0123456" in decision.said


def test_pauses_grow_up_to_a_day() -> None:
    pauses = [pause(attempts) for attempts in range(1, 2000)]
    assert pauses[:3] == [FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE]
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_PAUSE


def test_a_clock_that_was_set_back_ends_the_pause() -> None:
    assert decide(None, [Ended("a", 0, NOW)], NOW - 86400).attempt == 1


def test_a_run_that_ended_a_moment_ahead_has_just_ended() -> None:
    """By another machine's clock, or while the look was at work."""
    decision = decide(None, [Ended("a", 0, NOW + 0.3)], NOW)
    assert decision.attempt is None
    assert "attempt 2 in 5 min" in decision.said


@pytest.mark.parametrize(
    ("cancelled", "waited", "said"),
    [
        (False, 0, "run a on this data failed: attempt 2 in 5 min, or at once when the data"),
        (True, 290, "run a on this data was cancelled: attempt 2 in 10 s"),
    ],
)
def test_the_reason_tells_the_run_and_the_time(cancelled: bool, waited: float, said: str) -> None:
    decision = decide(None, [Ended("a", 0, NOW, cancelled)], NOW + waited)
    assert decision.said.startswith(said)
