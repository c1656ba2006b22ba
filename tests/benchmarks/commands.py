"""A benchmark as people call it."""

import subprocess
import sys
from pathlib import Path

from tests.e2e.command import environment

ROOT = Path(__file__).parents[2]


def command(name: str) -> list[str]:
    """The command line of a module of `benchmarks`."""
    return [sys.executable, "-m", f"benchmarks.{name}"]


def run(name: str, *arguments: object) -> str:
    """Run a benchmark to its end and return its output."""
    done = subprocess.run(
        [*command(name), *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=environment(),
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout
