"""Unchanged folders are reused; changed, interrupted or damaged ones are rebuilt."""

import errno
import json
import os
from pathlib import Path

import pytest

from assets_defs.cache import build as cache_build
from assets_defs.cache.build import Built, build_or_reuse
from assets_defs.cache.records import RECORD, build_record, built_digest, fingerprint
from tests.support.data.made_scenes import files_of
from unigs.errors import DataError
from unigs.lineage.history import history_file, read_history


class Builder:
    def __init__(self) -> None:
        self.resumed: list[bool] = []

    def __call__(self, folder: Path, resume: bool) -> Built:
        self.resumed.append(resume)
        (folder / "out.txt").write_text("content")
        return Built("d" * 8, {"count": 1})


def test_same_inputs_are_built_once(tmp_path: Path) -> None:
    build = Builder()
    first = build_or_reuse(tmp_path / "a", {"seed": 0}, build)
    second = build_or_reuse(tmp_path / "a", {"seed": 0}, build)
    assert (first.cached, second.cached) == (False, True)
    assert build.resumed == [False]
    assert second.digest == first.digest == built_digest(tmp_path / "a")
    assert second.metadata == first.metadata == {"count": 1}
    assert second.seconds == first.seconds


def test_what_could_not_read_all_its_inputs_is_built_again(tmp_path: Path) -> None:
    def build(folder: Path, resume: bool) -> Built:
        return Built("d" * 8, again=not (tmp_path / "back").exists())

    cached = [build_or_reuse(tmp_path / "a", {}, build).cached for _ in range(2)]
    (tmp_path / "back").touch()
    cached += [build_or_reuse(tmp_path / "a", {}, build).cached for _ in range(2)]
    assert cached == [False, False, False, True]


@pytest.mark.parametrize("change", ["inputs", "lost", "added"])
def test_any_change_builds_again(tmp_path: Path, change: str) -> None:
    build = Builder()
    folder = tmp_path / "a"
    build_or_reuse(folder, {"seed": 0}, build)
    if change == "lost":
        (folder / "out.txt").unlink()
    elif change == "added":
        (folder / "more.txt").write_text("x")
    inputs = {"seed": 1 if change == "inputs" else 0}
    assert not build_or_reuse(folder, inputs, build).cached
    assert build.resumed == [False, False]


@pytest.mark.parametrize(("seed", "resumed"), [(0, True), (1, False)])
def test_broken_build_resumes_only_from_its_own_inputs(
    tmp_path: Path, seed: int, resumed: bool
) -> None:
    def broken(folder: Path, resume: bool) -> Built:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_or_reuse(tmp_path / "a", {"seed": 0}, broken)
    with pytest.raises(DataError, match="not built yet"):
        build_record(tmp_path / "a")
    build = Builder()
    build_or_reuse(tmp_path / "a", {"seed": seed}, build)
    assert build.resumed == [resumed]


def rewrite(file: Path, data: bytes) -> None:
    """Other bytes under the same size and time, as a failing disk gives them."""
    state = file.stat()
    file.write_bytes(data)
    os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns))


@pytest.mark.parametrize("data", [b"contenu", b"con"])
def test_a_kept_file_with_other_bytes_stops_and_is_named(tmp_path: Path, data: bytes) -> None:
    build = Builder()
    folder = tmp_path / "a"
    build_or_reuse(folder, {"seed": 0}, build)
    rewrite(folder / "out.txt", data)
    with pytest.raises(DataError, match=r"a/out\.txt: checksum mismatch"):
        build_or_reuse(folder, {"seed": 0}, build)
    (folder / "out.txt").unlink()
    build_or_reuse(folder, {"seed": 0}, build)
    assert build.resumed == [False, False]


def test_what_a_build_reads_is_verified_before_it_begins(tmp_path: Path) -> None:
    source, build = tmp_path / "source", Builder()
    build_or_reuse(source, {}, build)
    rewrite(source / "out.txt", b"contenu")
    with pytest.raises(DataError, match=r"source/out\.txt: checksum mismatch"):
        build_or_reuse(tmp_path / "a", {}, build, reads=[source])
    assert build.resumed == [False]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
@pytest.mark.parametrize("carry", [False, True])
def test_a_build_that_breaks_off_leaves_the_finished_folder(
    tmp_path: Path, error: type[BaseException], carry: bool
) -> None:
    folder, build = tmp_path / "a", Builder()
    build_or_reuse(folder, {"seed": 0}, build)
    before = files_of(folder)

    def broken(place: Path, resume: bool) -> Built:
        (place / "out.txt").write_text("half")
        raise error

    with pytest.raises(error):
        build_or_reuse(folder, {"seed": 1}, broken, carry=carry)
    assert files_of(folder) == before
    assert build_or_reuse(folder, {"seed": 0}, build).cached
    assert not build_or_reuse(folder, {"seed": 1}, build, carry=carry).cached
    assert build.resumed == [False, True]
    assert not list(tmp_path.glob(".a.building")) + list(tmp_path.glob(".a.replaced"))


def test_a_build_that_carries_begins_with_the_finished_files(tmp_path: Path) -> None:
    folder = tmp_path / "a"

    def add(place: Path, resume: bool) -> Built:
        names = sorted(path.name for path in place.iterdir())
        for suffix in ("tar", "txt", "rows"):
            name = f".{len(names)}.{suffix}" if suffix == "rows" else f"{len(names)}.{suffix}"
            (place / name).write_text(name)
        return Built("d", {"found": names})

    build_or_reuse(folder, {"seed": 0}, add, carry=True)
    inode = (folder / "1.tar").stat().st_ino
    second = build_or_reuse(folder, {"seed": 1}, add, carry=True)
    assert second.metadata["found"] == [".1.rows", "1.tar", "1.txt", "started"]
    assert (folder / "1.tar").stat().st_ino == inode
    fresh = build_or_reuse(folder, {"seed": 2}, add)
    assert fresh.metadata["found"] == ["started"]


@pytest.mark.parametrize("moved", [0, 1])
def test_a_process_that_dies_while_folders_change_places_loses_neither(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moved: int
) -> None:
    folder, build = tmp_path / "a", Builder()
    build_or_reuse(folder, {"seed": 0}, build)

    def die(place: Path, folder: Path) -> None:
        if moved:
            folder.rename(tmp_path / ".a.replaced")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(cache_build, "_swap", die)
        with pytest.raises(KeyboardInterrupt):
            build_or_reuse(folder, {"seed": 1}, build)
    assert build_or_reuse(folder, {"seed": 0}, build).cached
    assert not build_or_reuse(folder, {"seed": 1}, build).cached
    assert build.resumed == [False, False]
    assert build_or_reuse(folder, {"seed": 1}, build).cached


def test_a_build_that_takes_over_another_ones_folder_does_not_pass_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "a"

    def build(number: int, breaks: bool = False) -> cache_build.Outcome:
        def write(place: Path, resume: bool) -> Built:
            (place / "out.txt").write_text(str(number))
            if breaks:
                raise KeyboardInterrupt
            return Built(f"d{number}")

        return build_or_reuse(folder, {"seed": number}, write, carry=True)

    whole = cache_build._write

    def die_behind_the_record(file: Path, text: str) -> None:
        whole(file, text)
        if file.name == RECORD:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(cache_build, "_write", die_behind_the_record)
        with pytest.raises(KeyboardInterrupt):
            build(1)
    with pytest.raises(KeyboardInterrupt):
        build(2, breaks=True)
    assert build(1).digest == "d1"
    assert (folder / "out.txt").read_text() == "1"


@pytest.mark.parametrize("content", ["[]", "3", "null", '{"format": 2}', ""])
def test_what_is_no_record_is_none(tmp_path: Path, content: str) -> None:
    folder, build = tmp_path / "a", Builder()
    build_or_reuse(folder, {}, build)
    (folder / RECORD).write_text(content)
    assert not build_or_reuse(folder, {}, build).cached


def test_a_record_of_another_version_is_no_record(tmp_path: Path) -> None:
    folder, build = tmp_path / "a", Builder()
    build_or_reuse(folder, {}, build)
    record = json.loads((folder / RECORD).read_text())
    del record["format"]
    (folder / RECORD).write_text(json.dumps(record))
    with pytest.raises(DataError, match="not built yet"):
        build_record(folder)
    assert not build_or_reuse(folder, {}, build).cached


def test_full_disk_is_one_line_that_names_the_folder(tmp_path: Path) -> None:
    def full(folder: Path, resume: bool) -> Built:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(DataError, match=r"a: No space left on device \(free some space"):
        build_or_reuse(tmp_path / "a", {}, full)


def test_fingerprint_ignores_order_and_sees_values() -> None:
    assert fingerprint(a=1, b={"x": 2, "y": 3}) == fingerprint(b={"y": 3, "x": 2}, a=1)
    assert fingerprint(a=1) != fingerprint(a="1")


def test_the_inputs_of_each_build_are_noted_beside_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "shapes-tiny" / "protocol"
    for seed in (0, 1, 1):
        build_or_reuse(folder, {"seed": seed}, Builder())
    file = history_file(folder)
    first, second = read_history(tmp_path, file)
    assert (first.inputs, first.current) == ({"seed": 0}, False)
    assert (second.inputs, second.current) == ({"seed": 1}, True)
    assert second.fingerprint == fingerprint(seed=1)
    # of a version that noted nothing
    file.unlink()
    build_or_reuse(folder, {"seed": 1}, Builder())
    (noted,) = read_history(tmp_path, file)
    assert (noted.inputs, noted.metadata, noted.digest) == ({"seed": 1}, {"count": 1}, "d" * 8)


@pytest.mark.parametrize("name", ["a", ".a.building", ".a.replaced"])
def test_a_file_where_a_folder_belongs_gives_way(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("somebody's")
    build = Builder()
    assert not build_or_reuse(tmp_path / "a", {"seed": 0}, build).cached
    assert (tmp_path / "a" / "out.txt").read_text() == "content"
    assert build_or_reuse(tmp_path / "a", {"seed": 0}, build).cached
    assert not list(tmp_path.glob(".a.building")) + list(tmp_path.glob(".a.replaced"))
