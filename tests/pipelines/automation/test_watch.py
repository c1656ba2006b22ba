"""The sensor's eyes: content of annotations, size and time of all else, and only what is whole."""

import os
from pathlib import Path

import pytest

from pipelines.automation import watch as watching
from pipelines.automation.file_state import read_seen
from pipelines.automation.watch import MARKER, Watched, watch

START = 1_700_000_000.0


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "set"
    for name, text in {
        "annotations/panoptic_train2017.json": "{}",
        "annotations/panoptic_val2017.json": "{}",
        "annotations/panoptic_train2017/1.png": "pixels",
        "train2017/1.jpg": "image",
        "val2017/2.jpg": "image",
        "masks-train.zip": "archive",
    }.items():
        put(folder / name, text)
    return folder


def put(file: Path, text: str, at: float = START - 60) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    os.utime(file, (at, at))


def look(root: Path, now: float = START, **options: float) -> Watched:
    return watch(root, root.parent / "state.parquet", now, **options)


def content(root: Path, now: float = START) -> dict[str, str]:
    """Of two looks a minute apart."""
    look(root, now)
    found = look(root, now + 60).content
    assert found is not None
    return found


def touched(root: Path, before: dict[str, str]) -> list[str]:
    after = content(root, START + 600)
    return [split for split in before if before[split] != after[split]]


def test_nothing_is_complete_before_the_second_look(root: Path) -> None:
    first = look(root)
    assert first.content is None
    assert first.waiting_for.startswith("6 files were seen for the first time")
    assert look(root, START + 60).content


def test_a_second_look_at_once_is_too_early(root: Path) -> None:
    look(root)
    assert look(root, START + 1).content is None
    assert look(root, START + 6).content


@pytest.mark.parametrize("name", ["annotations/panoptic_train2017/1.png", "train2017/1.jpg"])
def test_a_change_touches_its_split_alone(root: Path, name: str) -> None:
    before = content(root)
    put(root / name, "other pixels", START - 30)
    assert touched(root, before) == ["train"]


def test_an_archive_and_an_image_count_by_size_and_time(root: Path) -> None:
    before = content(root)
    os.utime(root / "masks-train.zip", (START, START))
    assert touched(root, before) == ["train"]


def test_a_file_that_names_no_split_touches_both(root: Path) -> None:
    before = content(root)
    put(root / "annotations" / "classes.csv", "1,dog")
    assert touched(root, before) == ["train", "val"]


@pytest.mark.parametrize("change", ["new", "removed", "renamed"])
@pytest.mark.parametrize("name", ["annotations/panoptic_train2017/1.png", "train2017/1.jpg"])
def test_new_removed_and_renamed_files_are_changes(root: Path, name: str, change: str) -> None:
    before = content(root)
    file = root / name
    if change == "new":
        put(file.with_name(f"2{file.suffix}"), "more")
    elif change == "removed":
        file.unlink()
    else:
        file.rename(file.with_name(f"3{file.suffix}"))
    assert touched(root, before) == ["train"]


def test_equal_annotations_with_a_new_time_are_no_change(root: Path) -> None:
    before = content(root)
    put(root / "annotations" / "panoptic_val2017.json", "{}", START - 10)
    assert touched(root, before) == []


@pytest.mark.parametrize("at", [START, START - 3600, START + 7200])
def test_a_file_that_grows_is_waited_for_whatever_its_date(root: Path, at: float) -> None:
    content(root)
    file = root / "annotations" / "panoptic_val2017.json"
    for number in range(3):
        put(file, "{" + " " * number, at)
        seen = look(root, START + 120 + 60 * number)
        assert seen.content is None
        assert "panoptic_val2017.json changed since the last look" in seen.waiting_for
    assert look(root, START + 600).content


def test_files_that_keep_arriving_keep_the_batch_waiting(root: Path) -> None:
    content(root)
    for number in range(3):
        put(root / "train2017" / f"new-{number}.jpg", "image")
        assert look(root, START + 120 + 60 * number).content is None
    assert look(root, START + 600).content


def test_a_marker_newer_than_all_files_says_that_they_are_complete(root: Path) -> None:
    put(root / MARKER, "", START)
    first = look(root).content
    assert first
    put(root / "train2017" / "late.jpg", "image", START + 1)
    assert look(root, START + 60).content is None
    put(root / MARKER, "", START + 2)
    assert look(root, START + 61).content not in (None, first)


def test_a_marker_of_earlier_files_does_not_speak_for_a_copy_that_keeps_old_times(
    root: Path,
) -> None:
    put(root / MARKER, "", START)
    assert look(root).content
    put(root / "train2017" / "half.jpg", "ima", START - 5000)
    assert look(root, START + 60).content is None
    assert look(root, START + 120).content


def test_the_marker_itself_is_no_change(root: Path) -> None:
    before = content(root)
    put(root / MARKER, "", START)
    assert touched(root, before) == []


def test_a_file_replaced_while_it_is_read_is_looked_at_again(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look(root)
    file = root / "annotations" / "panoptic_val2017.json"
    read = watching.sha256_of

    def replaced(path: Path) -> str:
        found = read(path)
        if path == file:
            put(file, '{"new": 1}', START - 20)
        return found

    monkeypatch.setattr(watching, "sha256_of", replaced)
    seen = look(root, START + 60)
    assert seen.content is None
    assert "panoptic_val2017.json was replaced while it was read" in seen.waiting_for
    monkeypatch.undo()
    assert look(root, START + 120).content is None
    assert look(root, START + 180).content


def test_a_clock_that_is_set_back_costs_one_look(root: Path) -> None:
    look(root)
    assert look(root, START - 86400).content is None
    assert look(root, START - 86340).content


def test_reading_goes_on_in_the_next_look_when_time_is_up(root: Path) -> None:
    look(root)
    seen = look(root, START + 60, budget_seconds=-1.0)
    assert seen.waiting_for == "there is more to read: 0 of 3 annotation files are read"
    assert look(root, START + 120).content


def test_unchanged_files_are_not_read_again(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content(root)
    put(root / "train2017" / "new.jpg", "image")
    monkeypatch.setattr(watching, "sha256_of", lambda path: pytest.fail(f"{path} was read"))
    content(root, START + 600)


def test_a_lost_or_broken_state_costs_looks_and_no_more(root: Path) -> None:
    before = content(root)
    state = root.parent / "state.parquet"
    state.write_bytes(b"broken")
    assert touched(root, before) == []
    state.unlink()
    assert touched(root, before) == []


def test_the_state_of_another_folder_is_not_taken_for_this_one(root: Path) -> None:
    content(root)
    moved = root.rename(root.parent / "moved")
    assert look(moved, START + 60).content is None


def test_contents_of_earlier_listings_are_remembered(root: Path) -> None:
    before = content(root)
    listing = look(root, START + 100).listing
    put(root / "train2017" / "new.jpg", "image")
    content(root, START + 600)
    assert read_seen(root.parent / "state.parquet").contents[listing] == before


def test_names_that_are_no_text_are_watched(root: Path) -> None:
    before = content(root)
    name = os.fsencode(root / "train2017") + b"/\xff.jpg"
    with open(name, "wb") as file:
        file.write(b"image")
    assert touched(root, before) == ["train"]


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
    before = content(root)
    put(root / "annotations" / name, "other")
    assert touched(root, before) == []


@pytest.mark.parametrize("name", ["old_masters_train.json", "copyright.json", "partial_val.json"])
def test_names_that_only_sound_like_copies_are_watched(root: Path, name: str) -> None:
    before = content(root)
    put(root / "annotations" / name, "more")
    assert touched(root, before)
