"""Each benchmark of learning runs with a budget of seconds and prints its figures."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.command import environment, write_preset

FOLDER = Path(__file__).parents[1] / "benchmarks"


def run(name, *arguments):
    done = subprocess.run(
        [sys.executable, str(FOLDER / name), *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**environment(), "PYTHONPATH": str(FOLDER.parent)},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("few_steps.py", ["| entity | 50 |", "| referring | 1 |", "of the best and are"]),
        ("palette_choice.py", ["-5-v1: miou", "random-5-v1: miou", "difference of miou"]),
        ("single_or_joint.py", ["single: 2 steps, 8 ref", "joint: 10 steps, 8 ref", "joint minus"]),
        (
            "learning_choices.py",
            ["| all | entity |", "| adamw | referring |", "| noise | entity |"],
        ),
        ("negatives.py", ["only absent classes: ", "classes that are there: "]),
    ],
)
def test_it_trains_and_judges(tmp_path, name, said):
    preset = write_preset(tmp_path / "few.yaml")
    told = run(
        name, "--preset", preset, "--steps", 2, "--train-scenes", 24, "--val-scenes", 6,
        "--work", tmp_path / "work",
    )  # fmt: skip
    for part in said:
        assert part in told


@pytest.mark.slow
def test_step_times_are_ratios_with_an_interval():
    told = run("step_time.py", "--architecture", "small", "--pairs", 6, "--side", 8)
    for part in ("inference: UniGS", "training step: UniGS", "peak memory, training step"):
        assert part in told
    assert "over 6 pairs" in told
