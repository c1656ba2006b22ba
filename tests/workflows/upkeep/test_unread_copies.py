"""Copies of buckets that no data set is read from go; one that a run is at, or was, stays."""

import json
import os
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import fsspec
import pytest

from unigs.errors import TransientError
from unigs.remote import copy as copying
from unigs.remote.address import Address
from unigs.remote.copy import copy_folder, copy_objects
from unigs.workflows.upkeep.leftovers import Leftover, find_leftovers, remove


@pytest.fixture
def address() -> str:
    address = f"memory://{uuid.uuid4().hex}/set"
    for name in ("annotations/train.json", "image.jpg"):
        with fsspec.open(f"{address}/{name}", "wb") as file:
            file.write(bytes(900))
    for path, file in fsspec.filesystem("memory").store.items():
        if address[8:] in path:
            file.created = datetime(2026, 1, 1, tzinfo=UTC)
    return address


@pytest.fixture
def copy(address: str, tmp_path: Path) -> Path:
    folder = copy_folder(tmp_path, address, "coco_panoptic-tiny")
    copy_objects(address, folder)
    return folder


def age(folder: Path, days: float = 8.0) -> None:
    for place, _, _ in os.walk(folder):
        os.utime(place, (time.time() - days * 86400,) * 2)


def listed(store: Path) -> list[Leftover]:
    return find_leftovers(store, 7.0)


def test_a_copy_that_nobody_asked_for_lately_goes(copy: Path, tmp_path: Path) -> None:
    assert listed(tmp_path) == []
    age(copy)
    (one,) = listed(tmp_path)
    assert (one.path, one.bytes) == (copy, 1800)
    assert remove(one)
    assert [path for path in copy.parent.iterdir() if path.is_dir()] == []


def test_a_copy_that_a_data_set_is_read_from_stays(
    copy: Path, address: str, tmp_path: Path
) -> None:
    age(copy)
    record = tmp_path / "coco_panoptic-tiny" / "raw" / "kept.json"
    record.parent.mkdir(parents=True)
    record.write_text(json.dumps({"metadata": {"root": address}}))
    other = copy_folder(tmp_path, address, "coco_panoptic-gone")
    copy_objects(address, other, [copy])
    age(other)
    (one,) = listed(tmp_path)
    # its files are the other copy's
    assert (one.path, one.bytes) == (other, 0)
    assert remove(one)
    assert listed(tmp_path) == []


def test_what_a_killed_collection_set_aside_goes(copy: Path, tmp_path: Path) -> None:
    aside = copy.with_name(f".{copy.name}.abcd1234")
    aside.mkdir()
    copy.rename(aside / "gone")
    age(aside)
    (one,) = listed(tmp_path)
    assert remove(one)
    assert not aside.exists()


def test_a_copy_that_is_gone_on_from_stays(
    copy: Path, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It broke off long ago; no record speaks of it yet."""
    (copy / "annotations" / "train.json").unlink()
    age(copy)
    (before,) = listed(tmp_path)
    get, seen = Address.get, []

    def watched(self: Address, name: str, target: Path) -> None:
        os.utime(target, (0, 0))
        age(copy)
        seen.append((listed(tmp_path), remove(before)))
        get(self, name, target)

    monkeypatch.setattr(Address, "get", watched)
    copy_objects(address, copy)
    assert seen == [([], False)]


def test_a_copy_that_was_asked_for_since_it_was_listed_stays(
    copy: Path, address: str, tmp_path: Path
) -> None:
    age(copy)
    (one,) = listed(tmp_path)
    assert copy_objects(address, copy).copied == 0
    assert not remove(one)
    assert listed(tmp_path) == []


def test_a_copy_that_is_taken_away_while_its_lock_is_waited_for_is_made_again(
    copy: Path, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    age(copy)
    (one,) = listed(tmp_path)
    flock: Callable[..., None] = copying.fcntl.flock

    def late(*given: object) -> None:
        monkeypatch.undo()
        assert remove(one)
        flock(*given)

    monkeypatch.setattr(copying.fcntl, "flock", late)
    assert copy_objects(address, copy).copied == 2
    assert {file.stat().st_size for file in copy.rglob("*.j*")} == {900}


def test_a_file_that_goes_while_others_are_copied_is_told(
    copy: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (copy / "annotations" / "train.json").unlink()
    get = Address.get

    def emptied(self: Address, name: str, target: Path) -> None:
        (copy / "image.jpg").unlink()
        get(self, name, target)

    monkeypatch.setattr(Address, "get", emptied)
    with pytest.raises(TransientError, match=r"image.jpg: went while the other files were copied"):
        copy_objects(address, copy)
    monkeypatch.undo()
    assert copy_objects(address, copy).copied == 1
