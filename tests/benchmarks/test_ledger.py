"""The ledger of benchmarks: what counts as a fall, and that it measures what it lists."""

import importlib.util
import json
from pathlib import Path

import pytest

from benchmarks import ledger
from benchmarks.ledger import Entry, Ledger, falls, measure
from benchmarks.ledger_entries import BENCHMARKS, Benchmark, Figure

ROOT = Path(__file__).parents[2]


def one(ratio, better="higher", limit=None, name="a / b"):
    return Entry(name, ratio, better, limit, "benchmarks.x", None if ratio else "exit code 1")


def book(*entries):
    return Ledger("0.2", entries)


@pytest.mark.parametrize(
    ("before", "now", "better", "fell"),
    [
        (100, 81, "higher", False),
        (100, 79, "higher", True),
        (100, 300, "higher", False),
        (1.0, 1.24, "lower", False),
        (1.0, 1.26, "lower", True),
        (1.0, 0.2, "lower", False),
    ],
)
def test_a_ratio_falls_in_its_own_direction(before, now, better, fell):
    sentences = falls(book(one(now, better)), book(one(before, better)))
    assert bool(sentences) == fell
    for sentence in sentences:
        assert sentence.startswith("a / b: was ")
        assert f"{better} is better" in sentence


def test_a_ratio_that_is_gone_or_failed_fell_and_a_new_one_did_not():
    assert falls(book(), book(one(2))) == ["a / b: was 2, is not measured any more"]
    assert falls(book(one(None)), book(one(2))) == ["a / b: was 2, failed: exit code 1"]
    assert falls(book(one(2), one(3, name="new")), book(one(2))) == []
    assert falls(book(one(2)), book(one(None))) == []


def test_the_check_compares_what_was_measured_with_the_last_release(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(ledger, "MEASURED", tmp_path / "build" / "ledger")
    monkeypatch.setattr(ledger, "RELEASED", tmp_path / "docs" / "ledger")
    monkeypatch.setattr("sys.argv", ["ledger", "--check"])
    with pytest.raises(SystemExit, match=r"no ledger at .*run `make bench`"):
        ledger.main()
    book(one(10, limit=12)).write(ledger.MEASURED)
    monkeypatch.setattr("sys.argv", ["ledger", "--release"])
    assert ledger.main() == 0
    assert "| a / b | 10 | higher | 12 (missed) |" in (tmp_path / "docs" / "ledger.md").read_text()
    monkeypatch.setattr("sys.argv", ["ledger", "--check"])
    assert ledger.main() == 0
    assert "no ratio fell by more than 20% since 0.2" in capsys.readouterr().out
    book(one(7)).write(ledger.MEASURED)
    assert ledger.main() == 1
    assert "FELL a / b: was 10, is 7 (higher is better): 70% are left" in capsys.readouterr().out


def test_what_a_benchmark_prints_becomes_rows(tmp_path, monkeypatch):
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "made.py").write_text(
        'import sys\nprint("at", sys.argv[1])\nprint("peak 4\\npeak 6\\nfaster 3.5")\n'
    )
    (tmp_path / "benchmarks" / "broken.py").write_text('raise SystemExit("no memory")')
    monkeypatch.setattr(ledger, "ROOT", tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    figures = tuple(
        Figure(name, pattern, "lower")
        for name, pattern in {
            "sizes": r"peak (\d+)",
            "one": r"faster (\S+)",
            "no": r"x(\d)",
        }.items()
    )
    sizes, single, none = measure(Benchmark("made", ("SCENES",), figures), tmp_path)
    assert (sizes.ratio, single.ratio, none.ratio) == (1.5, 3.5, None)
    assert none.error == r"its output has no x(\d)"
    assert sizes.command == "benchmarks.made SCENES"
    (broken,) = measure(Benchmark("broken", (), figures[:1]), tmp_path)
    assert broken.error == "exit code 1, no memory"


def test_every_listed_benchmark_is_there_and_every_released_ratio_is_listed():
    names = [figure.name for benchmark in BENCHMARKS for figure in benchmark.figures]
    assert len(set(names)) == len(names)
    for benchmark in BENCHMARKS:
        assert importlib.util.find_spec(f"benchmarks.{benchmark.name}"), benchmark.name
    released = json.loads((ROOT / "docs" / "ledger.json").read_text())
    # one that was added since the release is not in its ledger
    listed = [entry["name"] for entry in released["entries"]]
    assert listed == [name for name in names if name in listed] != []
    assert all(entry["ratio"] for entry in released["entries"])
    page = (ROOT / "docs" / "ledger.md").read_text()
    assert page == Ledger.read(ROOT / "docs" / "ledger").markdown()
