"""The tests that are marked `gpu`, counted."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree

from benchmarks.accelerator_parts.bench import Bench

ROOT = Path(__file__).parents[2]
# What a machine may lack that no such test needs.
LACKED = ("dagster", "dagster_pipes", "mlflow", "matplotlib", "gradio", "onnx", "onnxruntime")


def run(bench: Bench) -> None:
    """One row: how many passed, failed, were skipped, and the first line of each failure."""
    marked = [
        str(file.relative_to(ROOT))
        for file in sorted((ROOT / "tests").rglob("test_*.py"))
        if "pytest.mark.gpu" in file.read_text()
    ]
    report = bench.rows.with_suffix(".xml")
    lacked = ",".join(name for name in LACKED if find_spec(name) is None)
    command = [
        sys.executable, "-m", "pytest", "-m", "gpu", "-q", "-p", "no:cacheprovider",
        f"--junitxml={report}", "--lacks", lacked, *marked,
    ]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    print(done.stdout, done.stderr, flush=True)
    if not report.is_file():
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise RuntimeError(f"pytest ended with {done.returncode}: {lines[-1] if lines else ''}")
    cases = list(ElementTree.parse(report).iter("testcase"))
    outcome = {
        name: [case for case in cases if case.find(name) is not None]
        for name in ("failure", "error", "skipped")
    }
    bench.row(
        files=marked,
        tests_passed=len(cases) - sum(map(len, outcome.values())),
        tests_failed=len(outcome["failure"]) + len(outcome["error"]),
        tests_skipped=len(outcome["skipped"]),
        failures=[
            f"{case.get('name')}: {found.get('message', '').strip().splitlines()[0:1]}"
            for kind in ("failure", "error")
            for case in outcome[kind]
            for found in case.iter(kind)
        ],
    )
