"""Old model versions go; the champion, the one before it and what a record names stay."""

import json
import os
import time
from pathlib import Path

import pytest

from pipelines import garbage
from pipelines.garbage import main
from resources.mlflow.champion import crown, previous
from resources.mlflow.registry import DOWNLOADS, champion, register_model
from resources.mlflow.tracking import Tracking
from resources.store import Store

NAME = "unigs-shapes-tiny-joint"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Versions 1 to 6: 3 was champion, 2 is it, the store holds 4, 5 is in production."""
    folder = tmp_path_factory.mktemp("store")
    tracking = Tracking(store=Store(root=str(folder)))
    made = folder / "pipeline"
    made.mkdir()
    (made / "weights").write_bytes(bytes(5000))
    run_id = tracking.open_run("train", tags={}, parameters={})
    for _ in range(6):
        register_model(tracking, run_id, NAME, made, {})
    for version in ("3", "2"):
        crown(tracking, NAME, version, "promote", "a test")
    tracking.client().set_registered_model_alias(NAME, "production", "5")
    record = folder / "shapes-tiny" / "models" / "joint" / "kept.json"
    record.parent.mkdir(parents=True)
    metadata = {"name": NAME, "version": "4"}
    record.write_text(json.dumps({"metadata": metadata, "files": []}))
    return folder


def versions(store: Path) -> list[int]:
    client = Tracking(store=Store(root=str(store))).client()
    return sorted(int(each.version) for each in client.search_model_versions(f"name = '{NAME}'"))


def test_what_becomes_needed_meanwhile_stays_and_is_not_counted(
    store: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = iter((garbage.old_versions, lambda *given: []))
    monkeypatch.setattr(garbage, "old_versions", lambda *given: next(looks)(*given))
    assert main(["--store", str(store), "--keep", "1", "--json", "--delete"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out) == {"deleted": True, "bytes": 0, "entries": []}
    assert f"{NAME}/1: in use again, it stays" in said.err
    assert versions(store) == [1, 2, 3, 4, 5, 6]


def test_the_registry_of_a_server_is_left_alone(
    store: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Tracking, "on_server", property(lambda self: True))
    assert main(["--store", str(store), "--keep", "1", "--json", "--delete"]) == 0
    assert json.loads(capsys.readouterr().out)["entries"] == []
    assert versions(store) == [1, 2, 3, 4, 5, 6]


def test_copies_that_were_fetched_from_a_server_go_when_nobody_names_them(
    store: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the champion 2, of 4, which the store names, and of 1 and 6, which nobody does."""
    monkeypatch.setattr(Tracking, "on_server", property(lambda self: True))
    copies = store / DOWNLOADS / NAME
    for version in ("1", "2", "4", "6"):
        (copies / f"{version}-0123456789ab").mkdir(parents=True)
        (copies / f"{version}-0123456789ab" / "weights").write_bytes(bytes(700))
    old = time.time() - 8 * 86400
    for version in ("1", "2", "4"):
        os.utime(copies / f"{version}-0123456789ab", (old, old))
    order = ["--store", str(store), "--json"]
    assert main(order) == 0
    (entry,) = json.loads(capsys.readouterr().out)["entries"]
    assert entry["what"] == f"{DOWNLOADS}/{NAME}/1-0123456789ab"
    assert entry["bytes"] == 700
    assert main([*order, "--delete"]) == 0
    assert json.loads(capsys.readouterr().out)["bytes"] == 700
    assert sorted(path.name[0] for path in copies.iterdir()) == ["2", "4", "6"]
    assert versions(store) == [1, 2, 3, 4, 5, 6]


def test_old_versions_are_listed_first_and_removed_when_asked(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    order = ["--store", str(store), "--keep", "1", "--json"]
    copies = store / "mlartifacts" / "models"
    assert main(order) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [entry["what"] for entry in listed["entries"]] == [f"{NAME}/1"]
    assert listed["bytes"] == sum(entry["bytes"] for entry in listed["entries"]) > 5_000
    assert versions(store) == [1, 2, 3, 4, 5, 6]

    before = len(list(copies.iterdir()))
    assert main([*order, "--delete"]) == 0
    assert json.loads(capsys.readouterr().out)["deleted"]
    assert versions(store) == [2, 3, 4, 5, 6]
    assert len(list(copies.iterdir())) == before - 1
    tracking = Tracking(store=Store(root=str(store)))
    best = champion(tracking, NAME)
    assert best is not None
    assert (best.version, (best.folder / "weights").stat().st_size) == ("2", 5000)
    assert previous(tracking, NAME) == "3"
    assert main(order) == 0
    assert json.loads(capsys.readouterr().out)["entries"] == []


def test_people_read_what_would_be_freed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    left = tmp_path / "shapes-tiny" / "raw" / "x"
    left.mkdir(parents=True)
    (left.parent.parent / ".raw.replaced").mkdir()
    (left.parent.parent / ".raw.history.jsonl").write_text("")
    (left.parent.parent / ".raw.replaced" / "a.tar").write_bytes(bytes(3_000_000))
    assert main(["--store", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "3.0 MB  shapes-tiny/.raw.replaced: a build that broke off" in said
    assert "would be freed; --delete does it" in said
    assert main(["--store", str(tmp_path), "--delete"]) == 0
    assert "freed" in capsys.readouterr().out
    assert not (tmp_path / "shapes-tiny" / ".raw.replaced").exists()


def test_no_store_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--store", str(tmp_path / "gone")]) == 1
    assert "no such folder" in capsys.readouterr().err
