"""The count of green rounds is that of the rounds."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
TESTS = """
from pathlib import Path
import pytest

pytestmark = pytest.mark.slow
TALLY = Path(__file__).with_name("tally")


def test_green():
    pass


def test_once():
    before = TALLY.exists()
    TALLY.touch()
    assert not before


def test_cannot():
    pytest.skip("no right to mount")
"""


def test_a_test_that_fails_once_is_counted(tmp_path: Path) -> None:
    (tmp_path / "test_made.py").write_text(TESTS)
    command = [sys.executable, "-m", "benchmarks.kills", "--times", "2", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "round 1: 2 of 2 passed",
        "round 2: 1 of 2 passed",
        "2 of 2  test_green",
        "1 of 2  test_once",
    ]
