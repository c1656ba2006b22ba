"""The tests that are marked `gpu`, one by one and counted."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from benchmarks.accelerator_parts.bench import Bench

ROOT = Path(__file__).parents[2]
# What a machine may lack that no such test needs.
LACKED = ("dagster", "dagster_pipes", "mlflow", "matplotlib", "gradio", "onnx", "onnxruntime")
OUTCOMES = ("PASSED", "FAILED", "ERROR", "SKIPPED")
# A test as it ends, and a failure in the summary.
ENDED = re.compile(rf"^\S+::(?P<test>.+?) (?P<outcome>{'|'.join(OUTCOMES)})\b")
SUMMARY = re.compile(r"^(?:FAILED|ERROR) (?P<test>\S+)(?: - (?P<reason>.*))?$")


def run(bench: Bench) -> None:
    """A row for each test as soon as it has ended, each failure's message, and how many there are
    of each outcome."""
    marked = [
        str(file.relative_to(ROOT))
        for file in sorted((ROOT / "tests").rglob("test_*.py"))
        if "pytest.mark.gpu" in file.read_text()
    ]
    lacked = ",".join(name for name in LACKED if find_spec(name) is None)
    command = [
        sys.executable, "-m", "pytest", "-m", "gpu", "-v", "-p", "no:cacheprovider", "--color=no",
        "--lacks", lacked, *marked,
    ]  # fmt: skip
    counts = dict.fromkeys(OUTCOMES, 0)
    last = ""
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as pytest:
        assert pytest.stdout is not None
        for line in pytest.stdout:
            print(line, end="", flush=True)
            last = line.strip() or last
            if found := ENDED.match(line):
                counts[found["outcome"]] += 1
                bench.row(test=found["test"], outcome=found["outcome"].lower())
            elif found := SUMMARY.match(line):
                bench.row(test=found["test"].rpartition("::")[2], failed=found["reason"] or "")
    if not sum(counts.values()):
        raise RuntimeError(f"pytest ended with {pytest.returncode}: {last}")
    bench.row(test="all", outcome=", ".join(f"{n} {name.lower()}" for name, n in counts.items()))
