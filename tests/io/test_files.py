import multiprocessing
import os
import pickle
import tempfile

import pytest

from unigs.errors import DataError
from unigs.io import files
from unigs.io.files import (
    Scratch,
    finish_replacing,
    replacing,
    replacing_folder,
    write_if_changed,
    writing,
)


def test_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fail():
        with replacing(path) as partial:
            partial.write_text("half")
            raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError):
        fail()
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]
    assert path.read_text() == "old"


def test_equal_bytes_are_not_written_again(tmp_path):
    path = tmp_path / "new" / "a.txt"
    assert write_if_changed(path, b"one")
    before = path.stat()
    assert not write_if_changed(path, b"one")
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert write_if_changed(path, b"two")
    assert path.read_bytes() == b"two"
    assert [file.name for file in path.parent.iterdir()] == ["a.txt"]


def test_folder_is_swapped_when_the_new_one_is_whole(tmp_path):
    folder = tmp_path / "kept" / "model"
    for text in ("one", "two"):
        with replacing_folder(folder) as partial:
            (partial / f"{text}.txt").write_text(text)
            assert not (folder / f"{text}.txt").exists()
        assert [file.name for file in folder.iterdir()] == [f"{text}.txt"]
    assert [file.name for file in folder.parent.iterdir()] == ["model"]


def test_failure_leaves_the_old_folder_and_nothing_else(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "old.txt").write_text("old")

    def fail():
        with replacing_folder(folder) as partial:
            (partial / "new.txt").write_text("half")
            raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError):
        fail()
    assert [file.name for file in tmp_path.iterdir()] == ["model"]
    assert [file.name for file in folder.iterdir()] == ["old.txt"]


@pytest.mark.parametrize("moves", [1, 2])
def test_a_kill_between_the_two_moves_leaves_a_whole_folder(tmp_path, moves):
    folder, done = tmp_path / "model[1].b", []
    (folder / "old").mkdir(parents=True)
    move = files.os.replace

    def killed(*paths):
        move(*paths)
        done.append(paths)
        if len(done) == moves:
            os._exit(9)

    def replace():
        files.os.replace = killed
        with replacing_folder(folder) as partial:
            (partial / "new.txt").write_text("new")

    process = multiprocessing.get_context("fork").Process(target=replace)
    process.start()
    process.join()
    assert process.exitcode == 9
    assert folder.exists() == (moves == 2)
    finish_replacing(tmp_path / "model[1]")
    finish_replacing(folder)
    assert [file.name for file in folder.iterdir()] == ["new.txt"]
    with replacing_folder(folder):
        assert [file.name for file in folder.iterdir()] == ["new.txt"]
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]


def test_writing_tells_of_a_folder_that_cannot_be(tmp_path):
    (tmp_path / "file").write_text("")

    def write():
        with writing(tmp_path / "file" / "a.txt") as partial:
            partial.write_text("a")

    with pytest.raises(DataError, match=r"a\.txt: cannot be written"):
        write()


def test_writing_tells_of_a_folder_in_the_place_of_the_file(tmp_path):
    (tmp_path / "a.txt").mkdir()
    with (
        pytest.raises(DataError, match=r"a\.txt: .*move away the folder in its place"),
        writing(tmp_path / "a.txt") as partial,
    ):
        partial.write_text("a")


@pytest.mark.parametrize("in_memory", [1, 4, 1 << 20])
def test_a_scratch_returns_what_was_added(monkeypatch, in_memory):
    monkeypatch.setattr(files, "SCRATCH_IN_MEMORY", in_memory)
    scratch, added = Scratch(), [b"one", b"", b"three", b"4"]
    for number, content in enumerate(added, start=1):
        scratch.append(content)
        assert [scratch[place] for place in range(number)] == added[:number]
        assert scratch[0] == b"one"
    assert len(scratch) == 4
    again = pickle.loads(pickle.dumps(scratch))
    assert [again[place] for place in range(4)] == added
    with pytest.raises(IndexError):
        scratch[4]


def test_a_full_disk_of_a_scratch_is_one_line(monkeypatch):
    # it raises where no folder can be written
    monkeypatch.setattr(tempfile, "gettempdir", pytest.fail)

    class Full:
        def seek(self, place):
            pass

        def write(self, content):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "SpooledTemporaryFile", lambda max_size: Full())
    with pytest.raises(DataError, match=r"No space left.*TMPDIR"):
        Scratch().append(b"one")
