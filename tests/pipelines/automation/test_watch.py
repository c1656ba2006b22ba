"""The sensor's eyes: content counts, not times; files being written are left alone."""

import os
import time
from pathlib import Path

import pytest

from pipelines.automation.watch import splits_of, watch
from unigs.errors import DataError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "set" / "annotations"
    (folder / "panoptic_train2017").mkdir(parents=True)
    for name, text in {
        "panoptic_train2017.json": "{}",
        "panoptic_val2017.json": "{}",
        "panoptic_train2017/1.png": "pixels",
    }.items():
        put(folder / name, text)
    return tmp_path / "set"


def put(file: Path, text: str, age: float = 60.0) -> None:
    file.write_text(text)
    past = time.time() - age
    os.utime(file, (past, past))


def look(root: Path, **options) -> dict[str, str]:
    return watch(root, root.parent / "cache.json", pause_seconds=0.0, **options).digests


def test_a_change_touches_its_split_alone(root: Path) -> None:
    before = look(root)
    put(root / "annotations" / "panoptic_train2017" / "1.png", "other pixels", age=30)
    after = look(root)
    assert before["train"] != after["train"]
    assert before["val"] == after["val"]


@pytest.mark.parametrize("change", ["new", "removed", "renamed"])
def test_new_removed_and_renamed_files_are_changes(root: Path, change: str) -> None:
    before = look(root)
    png = root / "annotations" / "panoptic_train2017" / "1.png"
    if change == "new":
        put(png.with_name("2.png"), "more")
    elif change == "removed":
        png.unlink()
    else:
        png.rename(png.with_name("3.png"))
    assert look(root)["train"] != before["train"]


def test_equal_content_with_a_new_time_is_no_change(root: Path) -> None:
    before = look(root)
    put(root / "annotations" / "panoptic_val2017.json", "{}", age=10)
    assert look(root) == before


def test_a_file_that_names_no_split_touches_both(root: Path) -> None:
    before = look(root)
    put(root / "annotations" / "classes.csv", "1,dog")
    after = look(root)
    assert before["train"] != after["train"]
    assert before["val"] != after["val"]


def test_a_file_being_written_is_waited_for(root: Path) -> None:
    put(root / "annotations" / "panoptic_val2017.json", '{"half', age=0)
    seen = watch(root, root.parent / "cache.json")
    assert seen.digests == {}
    assert "panoptic_val2017.json is being written" in seen.waiting_for
    put(root / "annotations" / "panoptic_val2017.json", '{"half": 1', age=0)
    assert look(root) == {}
    assert look(root)


@pytest.mark.parametrize("hours", [0, 2])
def test_a_stable_size_and_time_over_two_looks_is_enough(root: Path, hours: int) -> None:
    put(root / "annotations" / "panoptic_val2017.json", "{ }", age=-3600 * hours)
    assert look(root) == {}
    assert look(root)


def test_a_file_that_grows_under_an_old_date_is_waited_for(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = root / "annotations" / "panoptic_val2017.json"
    grown = iter("abc")

    def write_on(seconds: float) -> None:
        put(file, file.read_text() + next(grown), age=3600)

    monkeypatch.setattr(time, "sleep", write_on)
    assert "is being written" in watch(root, root.parent / "cache.json").waiting_for
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    assert look(root)


@pytest.mark.parametrize(
    "name",
    [
        "._panoptic_train2017.json",
        "panoptic_train2017.json~",
        ".panoptic_train2017.json.swp",
        "#panoptic_train2017.json#",
        "panoptic_train2017.json.bak",
        "panoptic_train2017.bak.json",
        "panoptic_train2017_backup.json",
        "panoptic_train2017 copy.json",
        "panoptic_train2017 copy 2.json",
        "panoptic_train2017 - Copy.json",
        "panoptic_train2017 - Copy (2).json",
        "panoptic_train2017 (1).json",
        "Copy of panoptic_train2017.json",
        "backup/panoptic_train2017.json",
        ".ipynb_checkpoints/panoptic_train2017-checkpoint.json",
    ],
)
def test_what_lies_beside_the_annotations_is_no_change(root: Path, name: str) -> None:
    before = look(root)
    (root / "annotations" / name).parent.mkdir(exist_ok=True)
    put(root / "annotations" / name, "other")
    assert look(root) == before


@pytest.mark.parametrize("name", ["old_masters_train.json", "copyright.json", "partial_val.json"])
def test_names_that_only_sound_like_copies_are_watched(root: Path, name: str) -> None:
    before = look(root)
    put(root / "annotations" / name, "more")
    assert look(root) != before


def test_reading_goes_on_in_the_next_call_when_time_is_up(root: Path) -> None:
    cache = root.parent / "cache.json"
    seen = watch(root, cache, budget_seconds=-1.0)
    assert seen.waiting_for
    assert look(root) == look(root)


def test_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="gone: no such folder"):
        watch(tmp_path / "gone", tmp_path / "cache.json")


def test_splits_of_paths() -> None:
    assert splits_of("annotations/instances_val2017.json") == ("val",)
    assert splits_of("train-annotations-object-segmentation.csv") == ("train",)
    assert splits_of("images/ADE/training/x.png") == ("train",)
    assert splits_of("class-descriptions.csv") == ("train", "val")
