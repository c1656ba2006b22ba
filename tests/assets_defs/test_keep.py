"""What is unchanged is kept; what changed, broke off or lost a file is built again."""

import errno
from pathlib import Path

import pytest

from assets_defs.keep import Built, build_or_reuse, build_record, built_digest, fingerprint
from unigs.errors import DataError


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
    assert (first.kept, second.kept) == (False, True)
    assert build.resumed == [False]
    assert second.digest == first.digest == built_digest(tmp_path / "a")
    assert second.metadata == first.metadata == {"count": 1}
    assert second.seconds == first.seconds


@pytest.mark.parametrize("change", ["inputs", "lost", "truncated", "added"])
def test_any_change_builds_again(tmp_path: Path, change: str) -> None:
    build = Builder()
    folder = tmp_path / "a"
    build_or_reuse(folder, {"seed": 0}, build)
    if change == "lost":
        (folder / "out.txt").unlink()
    elif change == "truncated":
        (folder / "out.txt").write_text("con")
    elif change == "added":
        (folder / "more.txt").write_text("x")
    inputs = {"seed": 1 if change == "inputs" else 0}
    assert not build_or_reuse(folder, inputs, build).kept
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


def test_full_disk_is_one_line_that_names_the_folder(tmp_path: Path) -> None:
    def full(folder: Path, resume: bool) -> Built:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(DataError, match=r"a: No space left on device \(free some space"):
        build_or_reuse(tmp_path / "a", {}, full)


def test_fingerprint_ignores_order_and_sees_values() -> None:
    assert fingerprint(a=1, b={"x": 2, "y": 3}) == fingerprint(b={"y": 3, "x": 2}, a=1)
    assert fingerprint(a=1) != fingerprint(a="1")
