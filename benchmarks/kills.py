"""How often in a row the kill tests are green.

    python -m benchmarks.kills [--times 5] [PATH ...]

Each round is a run of pytest of its own over the tests that kill processes, fill disks and take
stores away (``tests/e2e/kills``, ``tests/e2e/test_arrivals.py``), with a store of its own. Exits
with 1 unless every test that was not skipped passed in every round.
"""

import argparse
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

_ROOT = Path(__file__).parents[1]
_PATHS = ("tests/e2e/kills", "tests/e2e/test_arrivals.py")


def main() -> int:
    """Run the rounds and print the counts; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("paths", nargs="*", default=_PATHS)
    options = parser.parse_args()
    passed: Counter[str] = Counter()
    ran: Counter[str] = Counter()
    for number in range(options.times):
        green, all_of_them = _round(options.paths)
        passed.update(green)
        ran.update(all_of_them)
        print(f"round {number + 1}: {len(green)} of {len(all_of_them)} passed", flush=True)
    for name in sorted(ran):
        print(f"{passed[name]} of {options.times}  {name}")
    return 0 if ran and all(passed[name] == options.times for name in ran) else 1


def _round(paths: list[str]) -> tuple[list[str], list[str]]:
    """Run pytest once; return the tests that passed, and all that were not skipped."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-m", "slow or e2e", "-c", "pyproject.toml",
             "--junitxml", str(report), *paths],
            cwd=_ROOT, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        if done.returncode:
            print(done.stdout, file=sys.stderr)
        cases = list(ElementTree.parse(report).iter("testcase"))
    passed, ran = [], []
    for case in cases:
        name, outcome = case.attrib["name"], {child.tag for child in case}
        if "skipped" not in outcome:
            ran.append(name)
            passed += [name] if not outcome & {"failure", "error"} else []
    return passed, ran


if __name__ == "__main__":
    sys.exit(main())
