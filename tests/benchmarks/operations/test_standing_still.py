"""What watching costs while nothing happens is measured."""

import re
from pathlib import Path

import pytest

from tests.benchmarks.commands import run


@pytest.mark.slow
def test_looks_of_the_sensor_are_timed() -> None:
    told = run("operations.arrival", "--files", 1500)
    assert "nothing changed: " in told
    assert re.search(r"standing still: 0\.\d\d% of a core, a look every 60 s", told), told
    assert re.search(r"the same, which stayed: .*\(a run is asked for\)", told), told


@pytest.mark.slow
def test_looks_of_the_sensor_at_a_bucket_are_timed() -> None:
    pytest.importorskip("s3fs")
    told = run("operations.arrival", "--files", 1500, "--s3")
    assert re.search(r"nothing changed: .*\(1502 files, none changed", told), told
    assert re.search(r"the same, which stayed: .*\(a run is asked for\)", told), told


@pytest.mark.slow
def test_standing_still_is_told_process_by_process(tmp_path: Path) -> None:
    told = run("operations.idle", "--store", tmp_path / "store", "--settle", 1, "--seconds", 3)
    shares = {name: float(share) for share, name in re.findall(r"(\S+)% of a core  (.+)", told)}
    parts = ["daemon", "code location, proxy", "code location", "start of Dagster"]
    total = shares["daemon and code locations"]
    assert total == pytest.approx(sum(shares[part] for part in parts), abs=0.03)
    assert total > 0
    assert "other" not in shares
