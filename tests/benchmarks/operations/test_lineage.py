"""The benchmark of lineage finds every model, in a store that takes a moment to make."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_it_finds_every_training() -> None:
    command = [
        sys.executable,
        "-m",
        "benchmarks.operations.lineage",
        "--images",
        "2000",
        "--trainings",
        "3",
    ]
    done = subprocess.run(
        [*command, "--calls", "1"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    size, *asked = done.stdout.splitlines()
    assert size.startswith("2,000 images: tables of an index and the shards of 4 tasks ")
    assert len(asked) == 3
    assert all(line.endswith("; models found: 3 of 3") for line in asked)
