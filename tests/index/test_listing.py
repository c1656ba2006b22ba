"""A listing holds what `files_below` finds; its digest changes with names, sizes and times."""

import hashlib
import os
from pathlib import Path

import pytest

from unigs.index.listing import list_files, listing_digest
from unigs.io.side_files import files_below

NAMES = ("b.json", "a/c.jpg", "a.d/e.jpg", "a/b/c.png", ".git/x", "Thumbs.db", "f.json~")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in NAMES:
        file = tmp_path / "set" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
    return tmp_path / "set"


def test_it_holds_the_files_without_what_is_left_beside_them(folder: Path) -> None:
    listed = list_files(folder)
    found = {file.relative_to(folder).as_posix(): file.stat() for file in files_below(folder)}
    assert listed == {name: (s.st_size, s.st_mtime_ns) for name, s in found.items()}
    assert sorted(listed) == ["a.d/e.jpg", "a/b/c.png", "a/c.jpg", "b.json"]


def test_links_to_files_are_followed_and_links_to_folders_are_not(folder: Path) -> None:
    (folder / "link.json").symlink_to(folder / "b.json")
    (folder / "folder").symlink_to(folder / "a")
    (folder / "broken.json").symlink_to(folder / "gone")
    assert {"link.json"} == set(list_files(folder)) - {
        "a.d/e.jpg",
        "a/b/c.png",
        "a/c.jpg",
        "b.json",
    }


def test_a_missing_folder_lists_nothing(tmp_path: Path) -> None:
    assert list_files(tmp_path / "gone") == {}


@pytest.mark.parametrize("change", ["size", "time", "name", "new"])
def test_the_digest_changes_with_the_files(folder: Path, change: str) -> None:
    file = folder / "a" / "c.jpg"
    os.utime(file, ns=(10**18, 10**18))
    before = listing_digest(list_files(folder))
    assert listing_digest(dict(reversed(list_files(folder).items()))) == before
    if change == "size":
        file.write_text("longer than before")
        os.utime(file, ns=(10**18, 10**18))
    elif change == "time":
        os.utime(file, ns=(10**18, 10**18 + 1))
    elif change == "name":
        file.rename(file.with_name("g.jpg"))
    else:
        file.with_name("g.jpg").touch()
    assert listing_digest(list_files(folder)) != before


def test_the_order_is_that_of_sorted_paths() -> None:
    """So that stores of earlier versions are not read again."""
    names = ["a/c", "a.d/e", "a b/x", "a", "ab/x", "a/b/c"]
    ordered = {str(path): (1, 2) for path in sorted(map(Path, names))}
    lines = "".join(f"{name!r} 1 2\n" for name in ordered)
    assert (
        listing_digest(dict.fromkeys(names, (1, 2))) == hashlib.sha256(lines.encode()).hexdigest()
    )
