"""A store comes out of its archive as it was, or not at all."""

import errno
import io
import os
import shutil
import sqlite3
import tarfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.runs.small_store import SmallStore
from unigs.errors import DataError
from unigs.workflows.doctor.finding import State
from unigs.workflows.doctor.store import store_findings
from unigs.workflows.upkeep.archive import DATA, MANIFEST, export_store, import_store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("store")
    small = SmallStore(folder)
    small.data()
    small.train()
    with closing(sqlite3.connect(folder / "mlflow.db")) as database, database:
        database.execute("CREATE TABLE runs (name TEXT)")
        database.execute("INSERT INTO runs VALUES ('train')")
    building = folder / "shapes-tiny" / "weights" / ".entity.building"
    building.mkdir()
    (building / "checkpoint").write_text("half of it")
    return folder


@pytest.fixture(scope="module")
def archive(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("archive") / "store.tar"
    export_store(store, file)
    return file


def content(store: Path) -> dict[str, bytes]:
    return {
        file.relative_to(store).as_posix(): file.read_bytes()
        for file in store.rglob("*")
        if file.is_file()
        and not file.name.endswith((".db", ".lock"))
        and ".building" not in str(file)
    }


def test_everything_that_is_finished_comes_back(store: Path, archive: Path, tmp_path: Path) -> None:
    placed = import_store(archive, tmp_path / "deep" / "store")
    copy = tmp_path / "deep" / "store"
    assert content(copy) == content(store)
    assert not (copy / "shapes-tiny" / "weights" / ".entity.building").exists()
    assert placed.files == sum(1 for file in copy.rglob("*") if file.is_file())
    with closing(sqlite3.connect(copy / "mlflow.db")) as database:
        assert database.execute("SELECT name FROM runs").fetchall() == [("train",)]
    assert list(tmp_path.glob("deep/.*")) == []


def test_it_comes_back_into_an_empty_volume(
    store: Path, archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which can neither be replaced nor be reached from beside it by renaming."""
    volume, replace = tmp_path / "volume", os.replace
    volume.mkdir()

    def within(source: Path, target: Path) -> None:
        if Path(target) == volume or not Path(source).is_relative_to(volume):
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        replace(source, target)

    monkeypatch.setattr(os.path, "ismount", lambda path: Path(path) == volume)
    monkeypatch.setattr(os, "replace", within)
    placed = import_store(archive, volume)
    assert content(volume) == content(store)
    assert placed.files == sum(1 for file in volume.rglob("*") if file.is_file())
    assert list(volume.glob(".volume*")) == []


def test_two_archives_of_a_store_have_one_digest(store: Path, tmp_path: Path) -> None:
    first, second = (export_store(store, tmp_path / name) for name in ("a.tar", "b.tar"))
    assert first == second


def test_a_database_is_whole_though_somebody_writes_it(store: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(store / "mlflow.db")) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("INSERT INTO runs VALUES ('not committed')")
        export_store(store, tmp_path / "store.tar")
        writer.rollback()
    import_store(tmp_path / "store.tar", tmp_path / "copy")
    with closing(sqlite3.connect(tmp_path / "copy" / "mlflow.db")) as database:
        assert database.execute("SELECT name FROM runs").fetchall() == [("train",)]


def test_without_data_a_run_has_to_build_it_again(store: Path, tmp_path: Path) -> None:
    export_store(store, tmp_path / "small.tar", data=False)
    import_store(tmp_path / "small.tar", tmp_path / "copy")
    run = tmp_path / "copy" / "shapes-tiny"
    assert {path.name for path in run.iterdir() if path.is_dir()}.isdisjoint(DATA)
    assert (run / "protocol").is_dir()
    assert (tmp_path / "copy" / "shapes-tiny" / "weights" / ".entity.history.jsonl").is_file()
    faults = [one for one in store_findings(tmp_path / "copy") if one.what == "database"]
    assert [one for one in faults if one.state is State.FAULT] == []


def test_a_place_that_is_not_empty_is_left_alone(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match="is not empty"):
        import_store(archive, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


Change = Callable[[tarfile.TarInfo, bytes], list[tuple[tarfile.TarInfo, bytes]]]
FIRST = "lineage"


def info(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, link
    return made


def changed(archive: Path, out: Path, change: Change) -> Path:
    with tarfile.open(archive) as source, tarfile.open(out, "w") as target:
        for member in source:
            stream = source.extractfile(member)
            assert stream is not None
            for new, data in change(member, stream.read()):
                new.size = len(data)
                target.addfile(new, io.BytesIO(data))
    return out


def flipped(member: tarfile.TarInfo, data: bytes) -> list[tuple[tarfile.TarInfo, bytes]]:
    return [(member, data[:-1] + b"?" if member.name.endswith("metrics.json") else data)]


def lost(member: tarfile.TarInfo, data: bytes) -> list[tuple[tarfile.TarInfo, bytes]]:
    return [] if member.name.endswith("metrics.json") else [(member, data)]


def without_list(member: tarfile.TarInfo, data: bytes) -> list[tuple[tarfile.TarInfo, bytes]]:
    return [] if member.name == MANIFEST else [(member, data)]


def no_list(member: tarfile.TarInfo, data: bytes) -> list[tuple[tarfile.TarInfo, bytes]]:
    return [(member, b"[]" if member.name == MANIFEST else data)]


def added(more: tarfile.TarInfo) -> Change:
    def change(member: tarfile.TarInfo, data: bytes) -> list[tuple[tarfile.TarInfo, bytes]]:
        extra = [(more, b"")] if member.name == MANIFEST else []
        return [*extra, (member, data)]

    return change


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (flipped, "metrics.json: checksum mismatch"),
        (lost, "metrics.json: checksum mismatch, missing"),
        (without_list, "no unigs-store.json"),
        (no_list, "not the list of a store"),
        (added(info("more.txt")), "more.txt: checksum mismatch, missing or not listed"),
        (added(info("../outside")), "outside: not a member"),
        (added(info("/outside")), "/outside: not a member"),
        (added(info("link", tarfile.SYMTYPE, "/etc/passwd")), "link: not a member"),
        (added(info("hard", tarfile.LNKTYPE, "mlflow.db")), "hard: not a member"),
        (added(info("pipe", tarfile.FIFOTYPE)), "pipe: not a member"),
    ],
)  # fmt: skip
def test_an_archive_with_anything_wrong_places_nothing(
    archive: Path, tmp_path: Path, change: Change, reason: str
) -> None:
    broken = changed(archive, tmp_path / "broken.tar", change)
    with pytest.raises(DataError, match=reason):
        import_store(broken, tmp_path / "copy")
    assert [path.name for path in tmp_path.iterdir()] == ["broken.tar"]


def test_an_archive_that_was_cut_off_or_is_none_is_told(archive: Path, tmp_path: Path) -> None:
    for name, data in (("cut.tar", archive.read_bytes()[:-30_000]), ("text", b"no tar")):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(DataError, match=name):
            import_store(tmp_path / name, tmp_path / "copy")
        assert not (tmp_path / "copy").exists()


def test_an_archive_does_not_go_into_its_own_store(store: Path) -> None:
    with pytest.raises(DataError, match="lies in the store"):
        export_store(store, store / "store.tar")
    with pytest.raises(DataError, match="no store there"):
        export_store(store / "gone", store / "store.tar")


def test_a_file_that_is_called_a_database_is_taken_as_it_is(store: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(store, copy)
    (copy / "shapes-tiny" / "raw" / "Thumbs.db").write_bytes(b"\xd0\xcf thumbnails")
    export_store(copy, tmp_path / "store.tar")
    import_store(tmp_path / "store.tar", tmp_path / "placed")
    placed = tmp_path / "placed" / "shapes-tiny" / "raw" / "Thumbs.db"
    assert placed.read_bytes() == b"\xd0\xcf thumbnails"


def test_a_damaged_database_is_named_and_no_archive_is_left(store: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(store, copy)
    whole = (copy / "mlflow.db").read_bytes()
    (copy / "mlflow.db").write_bytes(whole[:100] + bytes(len(whole) - 100)[: len(whole) // 2])
    with pytest.raises(DataError, match=r"mlflow\.db: cannot be copied.*restore it or move it out"):
        export_store(copy, tmp_path / "store.tar")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy"]
