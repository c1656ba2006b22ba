"""The progress of a training: on a terminal one line, elsewhere plain lines."""

import io

import pytest

from unigs.workflows import training_progress
from unigs.workflows.training_progress import (
    TrainingLine,
    TrainingTeller,
    duration,
    training_state,
)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def metrics(rate: float = 8.0, left: float = 600.0) -> dict[str, float]:
    return {"loss": 0.5, "samples_per_second": rate, "remaining_seconds": left}


def test_durations_are_short():
    assert [duration(s) for s in (4.4, 99.0, 432.0, 12240.0)] == [
        "4 s", "99 s", "7.2 min", "3.4 h",
    ]  # fmt: skip


def test_the_length_is_said_at_first_and_again_when_the_rate_is_known():
    said, shown = [], []
    tell = TrainingTeller(2000, said.append, shown.append)
    tell(2, metrics(8.0, 900.0))
    assert said == ["training: about 15.0 min for 1,998 steps, by the first ones (8.0 samples/s)"]
    tell(20, metrics())
    assert len(said) == 1
    tell(120, metrics(10.0, 480.0))
    assert said[1:] == ["training: 8.0 min more, by its rate so far (10.0 samples/s)"]
    tell(140, metrics())
    tell(140, {"validation_loss.entity.t100": 0.1})
    assert len(said) == 2
    assert len(shown) == 4
    assert shown[-1] == "step 140 of 2000: loss 0.5000, 8.0 samples/s, 10.0 min left"


def test_a_slow_training_says_it_again_after_a_while(monkeypatch):
    monkeypatch.setattr(training_progress, "RATE_SECONDS", 0.0)
    said: list[str] = []
    tell = TrainingTeller(2000, said.append, lambda state: None)
    tell(2, metrics())
    tell(4, metrics())
    assert len(said) == 2


def test_a_training_of_one_step_has_nothing_left_to_announce():
    said: list[str] = []
    TrainingTeller(2, said.append, lambda state: None)(2, metrics(left=0.0))
    assert said == []


def test_steps_that_became_fewer_are_told():
    said, shown = [], []
    tell = TrainingTeller(2000, said.append, shown.append)
    tell(20, metrics())
    tell(40, metrics() | {"steps": 300.0})
    assert said[-1] == "training: 300 of 2,000 steps fit its time"
    assert shown[-1].startswith("step 40 of 300: ")
    tell(60, metrics() | {"steps": 300.0})
    assert len(said) == 2


def test_a_state_is_told_from_other_lines():
    shown: list[str] = []
    TrainingTeller(2000, print, shown.append)(40, metrics())
    assert training_state(shown[0]) == (40, 2000, "loss 0.5000, 8.0 samples/s, 10.0 min left")
    assert training_state("step by step") is None
    assert training_state("picture of step 40: /x.png") is None


def test_plain_lines_come_now_and_then_and_at_the_end():
    out = io.StringIO()
    with TrainingLine(out, every_seconds=3600) as line:
        line.say("> joint_weights [1/2]")
        for step in (20, 40, 60, 2000):
            line.show(f"step {step} of 2000: loss 0.5, 1 min left")
    assert out.getvalue().splitlines() == [
        "> joint_weights [1/2]",
        "    step 20 of 2000: loss 0.5, 1 min left",
        "    step 2000 of 2000: loss 0.5, 1 min left",
    ]


@pytest.mark.parametrize("last", [60, 2000])
def test_on_a_terminal_one_line_moves_and_is_left_whole(last, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    out = Terminal()
    with TrainingLine(out) as line:
        for step in (20, 40, last):
            line.show(f"step {step} of 2000: loss 0.{step}, 9 samples/s, 1 min left")
        line.say("afterwards")
    # Every state but the last is written over; the cursor is given back.
    assert "\x1b[2K" in out.getvalue()
    assert f"loss 0.{last}, 9 samples/s, 1 min left" in out.getvalue()
    assert "\x1b[?25h" in out.getvalue()
    assert "afterwards" in out.getvalue()
