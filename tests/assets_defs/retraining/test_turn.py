"""One training at a time: the next waits, says for whom, and is not held up by the dead."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from assets_defs.retraining import turn
from assets_defs.retraining.turn import LOCK, POOL, said_holder, training_turn
from assets_defs.training import weights

HOLD = """
import sys, time
from pathlib import Path
from assets_defs.retraining.turn import training_turn
with training_turn(Path(sys.argv[1]), "0123456789", "joint", print):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turn, "_LOOK_SECONDS", 0.02)


def ignore(line: str) -> None:
    return None


def test_a_free_turn_is_taken_without_a_word(tmp_path: Path) -> None:
    said: list[str] = []
    for _ in range(2):
        with training_turn(tmp_path, "run", "joint", said.append):
            assert f"run run (joint, process {os.getpid()} on " in said_holder(tmp_path)
    assert said == []
    assert said_holder(tmp_path) == "another run"


def test_the_next_waits_and_says_for_whom(tmp_path: Path) -> None:
    said: list[str] = []
    order: list[str] = []
    waiting = threading.Event()

    def say(line: str) -> None:
        said.append(line)
        waiting.set()

    def second() -> None:
        with training_turn(tmp_path, "second", "entity", say):
            order.append("second")

    thread = threading.Thread(target=second)
    with training_turn(tmp_path, "0123456789", "joint", ignore):
        thread.start()
        assert waiting.wait(20)
        order.append("first")
    thread.join(20)
    assert order == ["first", "second"]
    assert said[0].startswith("one training at a time: waits for run 01234567 (joint, process ")
    assert said[1].endswith("has ended its training: going on")
    assert len(said) == 2


def test_a_training_that_fails_gives_its_turn_back(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="broken"), training_turn(tmp_path, "a", "joint", ignore):
        raise ValueError("broken")
    with training_turn(tmp_path, "b", "joint", pytest.fail):
        pass


def test_a_killed_one_does_too(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    said: list[str] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"

        def kill(line: str) -> None:
            said.append(line)
            process.kill()

        with training_turn(tmp_path, "mine", "entity", kill):
            assert said_holder(tmp_path).startswith("run mine")
    assert said[0].startswith(
        f"one training at a time: waits for run 01234567 (joint, process {process.pid}"
    )


def test_a_broken_note_of_the_holder_is_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / LOCK).write_text("[")
    assert said_holder(tmp_path) == "another run"
    with training_turn(tmp_path, "mine", "joint", pytest.fail):
        pass


@pytest.mark.parametrize("name", weights)
def test_every_training_is_in_the_pool(name: str) -> None:
    assert weights[name].op.pool == POOL
