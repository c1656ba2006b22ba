"""One table of the ratios of all benchmarks that need no data of yours, beside the last release's.

    python -m benchmarks.ledger               measures and compares; a quarter of an hour
    python -m benchmarks.ledger --only speed.codec speed.loader
                                              measures these again, keeps the other rows
    python -m benchmarks.ledger --check       compares what was measured last
    python -m benchmarks.ledger --release     makes that the last release's

Every ratio is of two things measured in one run of a benchmark: ours beside a peer, beside work
that nobody can avoid, or beside ourselves at another size. Times of their own are not in the table,
since they tell the machine and not the code. What is measured lies in `build/ledger.json` and
`build/ledger.md`, the last release's in `docs/ledger.json` and `docs/ledger.md`. The comparison
ends with 1 if a ratio got worse by more than 20 % or is gone. Ratios of two processes need two idle
cores.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from benchmarks.ledger_entries import BENCHMARKS, SET, Benchmark
from unigs import __version__
from unigs.datasets.shapes.generate import write_shapes

ROOT = Path(__file__).parents[1]
MEASURED, RELEASED = ROOT / "build" / "ledger", ROOT / "docs" / "ledger"
# What is left of a ratio, at least: less is a fall of more than 20 %.
LEFT = 0.8
SCENES, SIDE = 48, 256


@dataclass(frozen=True)
class Entry:
    """A row of the ledger.

    Attributes:
        name: what is divided by what.
        ratio: its value; None where the benchmark failed.
        better: which way is better.
        limit: what it should reach, or None.
        command: what measured it.
        error: why there is no value.
    """

    name: str
    ratio: float | None
    better: Literal["higher", "lower"]
    limit: float | None
    command: str
    error: str | None = None

    @property
    def within(self) -> bool:
        """Whether the limit is kept; so it is where there is none."""
        if self.limit is None or self.ratio is None:
            return self.ratio is not None
        return self.ratio >= self.limit if self.better == "higher" else self.ratio <= self.limit


@dataclass(frozen=True)
class Ledger:
    """All rows of one run, and the version that was measured."""

    version: str
    entries: tuple[Entry, ...]

    def write(self, stem: Path) -> None:
        """Write STEM.json and STEM.md."""
        document = {"version": self.version, "entries": [asdict(entry) for entry in self.entries]}
        stem.parent.mkdir(exist_ok=True)
        stem.with_suffix(".json").write_text(json.dumps(document, indent=1) + "\n")
        stem.with_suffix(".md").write_text(self.markdown())

    @staticmethod
    def read(stem: Path) -> Ledger:
        """Read STEM.json; end the program where there is none."""
        file = stem.with_suffix(".json")
        if not file.is_file():
            raise SystemExit(f"no ledger at {file}: run `make bench` first")
        document = json.loads(file.read_text())
        return Ledger(document["version"], tuple(Entry(**one) for one in document["entries"]))

    def markdown(self) -> str:
        """Return the table as a page."""
        lines = [
            "# Ledger: ratios against peers and limits",
            "",
            f"Version {self.version}, written by `make bench` and not by hand. Both sides of a"
            " ratio are measured in one run;",
            "`benchmarks/ledger_entries.py` lists them, each benchmark says what it does.",
            "",
            "| ratio | value | better | limit | measured by |",
            "|---|---:|---|---:|---|",
        ]
        for entry in self.entries:
            value = f"failed: {entry.error}" if entry.ratio is None else f"{entry.ratio:.3g}"
            limit = "" if entry.limit is None else f"{entry.limit:g}"
            missed = "" if entry.within else " (missed)"
            command = f"`python -m {entry.command}`"
            lines.append(
                f"| {entry.name} | {value} | {entry.better} | {limit}{missed} | {command} |"
            )
        return "\n".join(lines) + "\n"


def left(entry: Entry, before: Entry) -> float:
    """Return what is left of a ratio: 1 where it did not change, 0.8 where it fell by 20 %."""
    if not entry.ratio or not before.ratio:
        return 0.0 if before.ratio and entry.better == "higher" else 1.0
    kept = entry.ratio / before.ratio
    return kept if entry.better == "higher" else 1 / kept


def falls(now: Ledger, before: Ledger) -> list[str]:
    """Return a sentence for each ratio of `before` that fell by more than 20 % or is gone."""
    found = {entry.name: entry for entry in now.entries}
    sentences = []
    for old in before.entries:
        if old.ratio is None:
            continue
        new = found.get(old.name)
        if new is None:
            sentences.append(f"{old.name}: was {old.ratio:.3g}, is not measured any more")
        elif new.ratio is None:
            sentences.append(f"{old.name}: was {old.ratio:.3g}, failed: {new.error}")
        elif left(new, old) < LEFT:
            sentences.append(
                f"{old.name}: was {old.ratio:.3g}, is {new.ratio:.3g} ({new.better} is better):"
                f" {left(new, old):.0%} are left"
            )
    return sentences


def measure(benchmark: Benchmark, scenes: Path) -> list[Entry]:
    """Run a benchmark in a process of its own and return its rows.

    Args:
        scenes: a folder of generated scenes, for those that take a data set.
    """
    command = f"benchmarks.{benchmark.name} {' '.join(benchmark.arguments)}".strip()
    arguments = [part.replace(SET, str(scenes)) for part in benchmark.arguments]
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{benchmark.name}", *arguments],
        cwd=ROOT, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    last = (done.stderr.strip().splitlines() or ["no message"])[-1]
    entries = []
    for figure in benchmark.figures:
        values = [float(text) for text in re.findall(figure.pattern, done.stdout)]
        ratio, error = None, None
        if done.returncode:
            error = f"exit code {done.returncode}, {last}"
        elif not values:
            error = f"its output has no {figure.pattern}"
        else:
            # One number is the ratio; of the same at several sizes, the last beside the first.
            ratio = values[0] if len(values) == 1 else values[-1] / values[0]
        entries.append(Entry(figure.name, ratio, figure.better, figure.limit, command, error))
    return entries


def measure_all(names: list[str], kept: tuple[Entry, ...]) -> None:
    """Run benchmarks and write their rows, and those that are kept of others, after each."""
    listed = [figure.name for benchmark in BENCHMARKS for figure in benchmark.figures]
    rows = {entry.name: entry for entry in kept}
    with tempfile.TemporaryDirectory() as folder:
        write_shapes(folder, train=0, val=SCENES, size=SIDE)
        for benchmark in BENCHMARKS:
            if benchmark.name in names:
                print(f"measuring {benchmark.name}", flush=True)
                rows |= {entry.name: entry for entry in measure(benchmark, Path(folder))}
                measured = tuple(rows[name] for name in listed if name in rows)
                Ledger(__version__, measured).write(MEASURED)


def compared(now: Ledger) -> int:
    """Print how a ledger stands to the last release's; return the exit code."""
    before = Ledger.read(RELEASED)
    worse = falls(now, before)
    for sentence in worse:
        print(f"FELL {sentence}")
    if not worse:
        print(f"no ratio fell by more than {1 - LEFT:.0%} since {before.version}")
    return 1 if worse else 0


def main() -> int:
    """Measure, compare or release."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    names = [benchmark.name for benchmark in BENCHMARKS]
    parser.add_argument("--only", nargs="+", choices=names, default=names)
    parser.add_argument("--check", action="store_true", help="compares, measures nothing")
    parser.add_argument("--release", action="store_true", help="what was measured is the release's")
    options = parser.parse_args()
    if options.release:
        Ledger.read(MEASURED).write(RELEASED)
        return 0
    if not options.check:
        kept = options.only != names and MEASURED.with_suffix(".json").is_file()
        measure_all(options.only, Ledger.read(MEASURED).entries if kept else ())
        print(Ledger.read(MEASURED).markdown())
    return compared(Ledger.read(MEASURED))


if __name__ == "__main__":
    sys.exit(main())
