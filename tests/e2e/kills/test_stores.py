"""A store whose disk fills up or goes away in the middle of a training, and two runs that begin at
once on one store: a clear line, and afterwards the digests of a run that nobody disturbed."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from resources.mlflow.tracking import Tracking
from resources.store import Store
from tests.e2e.command import result_of
from tests.e2e.kills.command import (
    Command,
    has_checkpoint,
    nothing_is_running,
    records,
    training,
)
from tests.support.disks import filled, mount

pytestmark = pytest.mark.slow


@pytest.fixture
def untrained(store: Path) -> Path:
    """The store without what follows from the training, which the test builds again."""
    remove_trained(store)
    return store


def remove_trained(store: Path) -> None:
    for stage in ("weights", "evaluation"):
        shutil.rmtree(store / "shapes-smoke" / stage, ignore_errors=True)


def weights_of(store: Path) -> Path:
    return store / "shapes-smoke" / "weights" / "joint"


def versions(store: Path) -> int:
    return len(Tracking(store=Store(root=str(store))).client().search_model_versions())


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk in memory."""
    place = tmp_path / "disk"
    place.mkdir()
    if not mount("-t", "tmpfs", "-o", "size=256m", "tmpfs", str(place)):
        pytest.skip("no right to mount a disk in memory")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_a_disk_that_fills_up_in_a_training_is_told_and_the_run_goes_on(
    store: Path, undisturbed: dict[str, Any], disk: Path, smoke: Path, tmp_path: Path
) -> None:
    place = disk / "store"
    shutil.copytree(store, place)
    remove_trained(place)
    run = Command(place, smoke, log=tmp_path / "first.log")
    trained = run.wait_for("training", training, has_checkpoint(weights_of(place)))
    with filled(disk, 3_000_000):
        trained.resume()
        said = run.end(1).stderr
    # the weights, or even the records of the run
    assert re.search("No space left on device|MB are free there", said.splitlines()[-1])
    assert str(place) in said.splitlines()[-1]
    assert "Traceback" not in said
    assert "trying again" not in said
    run = Command(place, smoke, "--from-failure", log=tmp_path / "second.log")
    result = result_of(run.end(0))
    assert "joint_weights" in result["built"]
    assert records(place) == undisturbed
    nothing_is_running(place)


def test_a_store_that_goes_away_in_a_training_is_told_and_the_run_goes_on(
    untrained: Path, undisturbed: dict[str, Any], smoke: Path, tmp_path: Path
) -> None:
    place = tmp_path / "mounted"
    place.mkdir()
    if not mount("--bind", str(untrained), str(place)):
        pytest.skip("no right to mount")
    run = Command(place, smoke, log=tmp_path / "first.log")
    trained = run.wait_for("training", training, has_checkpoint(weights_of(untrained)))
    subprocess.run(["umount", "--lazy", str(place)], check=True)
    trained.resume()
    said = run.end(1).stderr
    assert str(place) in said.splitlines()[-1]
    assert "Traceback" not in said
    # no store was begun anew where it was: Dagster alone makes empty databases
    assert {path.name for path in place.iterdir()} <= {"dagster"}

    assert mount("--bind", str(untrained), str(place))
    try:
        run = Command(place, smoke, "--from-failure", log=tmp_path / "second.log")
        result = result_of(run.end(0))
        assert "joint_weights" in result["built"]
        nothing_is_running(place)
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)
    assert records(untrained) == undisturbed


def test_two_launchers_on_one_store_build_everything_once(
    untrained: Path, undisturbed: dict[str, Any], smoke: Path, tmp_path: Path
) -> None:
    before = versions(untrained)
    runs = [Command(untrained, smoke, log=tmp_path / f"{number}.log") for number in range(2)]
    results = [result_of(run.end(0)) for run in runs]
    assert records(untrained) == undisturbed
    for name in ("joint_weights", "joint_evaluation_entity"):
        assert sorted(name in result["built"] for result in results) == [False, True], name
    assert results[0]["metrics"] == results[1]["metrics"]
    assert versions(untrained) <= before + 1
    nothing_is_running(untrained)
