"""A disk that is full, a store that cannot be written, two runs on one store: a clear line, and
afterwards the digests of a run that nothing disturbed."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from pipelines.runner.follow import reason_of
from resources.run_settings import GraphSettings
from resources.store import Store
from tests.support.disks import filled, mount
from tests.support.runs.run_assets import materialise

SETTINGS = GraphSettings(
    overrides={"data.size": 32, "data.train_scenes": 8, "data.val_scenes": 4}, workers=1
)
NAMES = ("raw", "scenes_index_train", "scenes_index_val", "quarantine_report", "shards")


def run(store: Path) -> str:
    """Run the data assets in a store; "", or why it failed."""
    result = materialise(Store(root=str(store)), SETTINGS, NAMES, may_fail=True)
    events = [event.event_type for event in result.all_events]
    assert dg.DagsterEventType.STEP_UP_FOR_RETRY not in events
    failures = [event for event in result.all_events if event.is_step_failure]
    return reason_of(failures[0].step_failure_data.error) if failures else ""


def digests(store: Path) -> dict[str, str]:
    """Digest of every folder; that of the generated images counts the times of their files."""
    return {
        file.parent.relative_to(store).as_posix(): json.loads(file.read_text())["digest"]
        for file in sorted(store.glob("shapes-tiny/**/kept.json"))
        if file.parent.name != "raw"
    }


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    store = tmp_path_factory.mktemp("store")
    assert run(store) == ""
    return digests(store)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    if not mount("-t", "tmpfs", "-o", "size=16m", "tmpfs", str(disk)):
        pytest.skip("no right to mount a disk in memory")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


@pytest.mark.parametrize("left", [0, 150_000])
def test_a_full_disk_is_told_and_the_next_run_goes_on(
    small_disk: Path, undisturbed: dict[str, str], left: int
) -> None:
    with filled(small_disk, left):
        reason = run(small_disk / "store")
    assert "No space left on device" in reason
    assert str(small_disk) in reason
    assert run(small_disk / "store") == ""
    assert digests(small_disk / "store") == undisturbed


def test_a_store_that_can_only_be_read_is_told_and_the_next_run_goes_on(
    small_disk: Path, undisturbed: dict[str, str]
) -> None:
    (small_disk / "store").mkdir()
    assert mount("-o", "remount,ro", str(small_disk))
    assert "Read-only file system" in run(small_disk / "store")
    assert mount("-o", "remount,rw", str(small_disk))
    assert run(small_disk / "store") == ""
    assert digests(small_disk / "store") == undisturbed


def test_a_store_that_is_no_folder_any_more_is_told(
    tmp_path: Path, undisturbed: dict[str, str]
) -> None:
    (tmp_path / "store").write_text("a file where it was")
    reason = run(tmp_path / "store")
    assert "cannot be written" in reason
    assert "--store DIR" in reason
    (tmp_path / "store").unlink()
    assert run(tmp_path / "store") == ""
    assert digests(tmp_path / "store") == undisturbed


@pytest.mark.slow
def test_two_runs_on_one_store_build_everything_once(
    tmp_path: Path, undisturbed: dict[str, str]
) -> None:
    settings = SETTINGS.model_dump_json(include={"overrides", "workers"})
    tasks = "inpainting,synthesis,referring,entity"
    command = [sys.executable, "-m", "tests.support.runs.graph_run", str(tmp_path), settings, tasks]
    both = [
        subprocess.Popen([*command, *NAMES], stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    told = [json.loads(process.communicate()[0].splitlines()[-1]) for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert digests(tmp_path) == undisturbed
    for name in NAMES[:4]:
        assert sorted(one[name]["cached"] for one in told) == [False, True], name
    for history in tmp_path.glob("shapes-tiny/**/.*.history.jsonl"):
        assert len(history.read_text().splitlines()) == 1, history
