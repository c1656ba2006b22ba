"""What can go from a store is listed with what it frees; what a record needs never is."""

import fcntl
import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest

from tests.support.runs.small_store import SmallStore
from unigs.errors import DataError
from unigs.remote.copy import COPIES
from unigs.workflows.upkeep.leftovers import Leftover, find_leftovers, remove, size_of

DAYS = 86400.0


def put(file: Path, size: int = 100, days: float = 30.0) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(bytes(size))
    for path in (file, file.parent):
        os.utime(path, (time.time() - days * DAYS,) * 2)
    return file


def recorded(folder: Path, *names: str) -> Path:
    for name in names:
        put(folder / name)
    (folder / "kept.json").write_text(json.dumps({"files": dict.fromkeys(names, "")}))
    return folder


@pytest.fixture
def run(tmp_path: Path) -> Path:
    recorded(tmp_path / "shapes-tiny" / "shards" / "train" / "entity", "a.tar", "manifest.json")
    recorded(tmp_path / "shapes-tiny" / "statistics", "plot.png")
    put(tmp_path / "shapes-tiny" / ".statistics.history.jsonl")
    return tmp_path / "shapes-tiny"


def found(store: Path) -> dict[str, tuple[str, int]]:
    return {
        one.path.relative_to(store).as_posix(): (one.why, one.bytes)
        for one in find_leftovers(store, 7.0)
    }


def test_a_store_in_order_has_nothing_that_can_go(run: Path) -> None:
    put(run.parent / "mlartifacts" / "models" / "m-1" / "artifacts" / "weights")
    put(run.parent / "lineage" / "shards" / "entity.parquet")
    put(run.parent / "dagster" / "history" / "runs.db")
    put(run.parent / "notes" / "mine.txt")
    put(run / "my own folder" / "mine.txt")
    for path in run.parent.rglob("*"):
        os.utime(path, (0, 0))
    assert found(run.parent) == {}


def test_what_no_record_needs_is_listed_with_its_bytes(run: Path) -> None:
    put(run / "weights" / ".joint.building" / "checkpoints" / "a", 1000)
    os.utime(run / "weights" / ".joint.building", (0, 0))
    put(run / "shards" / "train" / ".entity.replaced" / "a.tar", 300, days=0)
    # the only one: the swap broke off between its two steps
    put(run / "shards" / "val" / ".entity.replaced" / "a.tar", 300, days=0)
    put(run / "shards" / "train" / "entity" / "old.tar", 200)
    put(run / "shards" / "train" / "entity" / ".a.tar.x1y2z3_4", 50)
    put(run / "evaluation" / "joint" / "entity" / "grid.png", 400)
    assert found(run.parent) == {
        "shapes-tiny/evaluation/joint/entity": ("no record of it", 400),
        "shapes-tiny/shards/train/entity/.a.tar.x1y2z3_4": ("half written", 50),
        "shapes-tiny/shards/train/entity/old.tar": (
            "a shard that its manifest does not name", 200,
        ),
        "shapes-tiny/shards/train/.entity.replaced": ("a build that broke off", 300),
        "shapes-tiny/weights/.joint.building": ("a build that broke off", 1000),
    }  # fmt: skip


def test_a_training_that_broke_off_today_can_still_go_on(run: Path) -> None:
    put(run / "weights" / ".joint.building" / "checkpoints" / "a", days=0)
    put(run / "evaluation" / "joint" / "entity" / "grid.png", days=0)
    assert found(run.parent) == {}


def listed(store: Path) -> Leftover:
    (leftover,) = find_leftovers(store, 7.0)
    return leftover


def held(folder: Path) -> IO[str]:
    """The lock that a build of a folder takes."""
    lock = folder.with_name(f".{folder.name}.lock").open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


def test_a_build_at_work_is_neither_listed_nor_removed(run: Path) -> None:
    building = run / "weights" / ".joint.building"
    put(building / "checkpoint")
    os.utime(building, (0, 0))
    leftover = listed(run.parent)
    with held(run / "weights" / "joint"):
        assert found(run.parent) == {}
        assert not remove(leftover)
    assert building.is_dir()
    assert remove(leftover)
    assert list((run / "weights").iterdir()) == [run / "weights" / ".joint.lock"]


def broken_build(run: Path) -> Path:
    put(run / "weights" / ".joint.building" / "checkpoint")
    return run / "weights" / ".joint.building"


def folder_without_record(run: Path) -> Path:
    put(run / "models" / "joint" / "pipeline" / "unet" / "weights")
    put(run / "models" / "joint" / "pipeline" / "model_index.json")
    return run / "models" / "joint" / "pipeline"


def old_shard(run: Path) -> Path:
    return put(run / "shards" / "train" / "entity" / "old.tar")


BUILT_AGAIN: dict[str, tuple[Callable[[Path], Path], str]] = {
    "a build that broke off": (broken_build, "weights/joint"),
    "no record of it": (folder_without_record, "models/joint"),
    "a shard that its manifest does not name": (old_shard, "shards/train/entity"),
}


@pytest.mark.parametrize("why", BUILT_AGAIN)
def test_what_is_built_between_the_list_and_the_removal_stays(run: Path, why: str) -> None:
    """The new build has files of the same names, one that breaks off too."""
    make, name = BUILT_AGAIN[why]
    path, place = make(run), run / name
    leftover = listed(run.parent)
    assert (leftover.path, leftover.why) == (path, why)
    with held(place):
        assert not remove(leftover)
        assert path.exists()
    if path.name.endswith(".building"):
        put(path / "newer checkpoint", days=0)
    else:
        recorded(place, "old.tar" if path.suffix else "pipeline/model_index.json")
    assert not remove(leftover)
    assert path.exists()


def test_what_a_kill_leaves_of_a_removal_is_found_the_next_time(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder_without_record(run)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", lambda folder: None)
        assert remove(listed(run.parent))
    assert not path.exists()
    (aside,) = (run / "models" / "joint").glob(".pipeline.????????")
    os.utime(aside, (0, 0))
    assert remove(listed(run.parent))
    assert not aside.exists()


def test_a_file_with_a_second_name_frees_nothing(tmp_path: Path) -> None:
    file = put(tmp_path / "a" / "a.tar")
    os.link(file, tmp_path / "b.tar")
    assert size_of(tmp_path / "a") == 0
    assert size_of(tmp_path / "a", tmp_path / "b.tar") == file.stat().st_size


def test_copies_that_share_a_file_free_it_with_the_last_of_them(tmp_path: Path) -> None:
    file = put(tmp_path / COPIES / "set-1.shapes-tiny" / "a.jpg")
    other = tmp_path / COPIES / "set-1.shapes-small" / "a.jpg"
    other.parent.mkdir()
    os.link(file, other)
    for path in (file, *(tmp_path / COPIES).iterdir()):
        os.utime(path, (0, 0))
    sizes = [one.bytes for one in find_leftovers(tmp_path, 7.0)]
    assert sizes == [0, file.stat().st_size]


def test_nothing_of_a_real_store_is_taken(tmp_path: Path) -> None:
    store = SmallStore(tmp_path)
    store.data()
    store.train()
    for path in tmp_path.rglob("*"):
        os.utime(path, (0, 0))
    for record in tmp_path.rglob("kept.json"):
        names = [path.relative_to(record.parent).as_posix() for path in record.parent.rglob("*.*")]
        record.write_text(json.dumps({**json.loads(record.read_text()), "files": names}))
    assert [one for one in found(tmp_path) if "latents" not in one] == []


def test_no_store_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder"):
        find_leftovers(tmp_path / "gone", 7.0)
