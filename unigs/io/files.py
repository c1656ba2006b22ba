"""Atomic writes of files and folders, and digests of files."""

from __future__ import annotations

import glob
import hashlib
import os
import shutil
import tempfile
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from unigs.errors import DataError

#: Bytes of a `Scratch` that stay in memory, so that a few need no disk.
SCRATCH_IN_MEMORY = 1 << 20
# in the scratch folder of a replacement
_NEW, _OLD = "new", "old"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary file next to `path` that replaces it when the block succeeds.

    An error inside the block leaves whatever was at `path` and no temporary file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    partial = Path(name)
    try:
        yield partial
        partial.chmod(0o644)
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder next to `path` that replaces it when the block succeeds.

    An error inside the block leaves whatever was at `path` and no temporary folder. What was
    there is set aside and removed only once the new folder stands in its place. After a kill
    between the two moves `finish_replacing` makes the second.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    finish_replacing(path)
    for left in _swaps(path):
        shutil.rmtree(left, ignore_errors=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    partial, old = scratch / _NEW, scratch / _OLD
    try:
        partial.mkdir()
        yield partial
        if path.exists():
            os.replace(path, old)
        os.replace(partial, path)
    except BaseException:
        if old.exists() and not path.exists():
            os.replace(old, path)
        raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def finish_replacing(path: Path) -> None:
    """Put the folder into its place that a `replacing_folder` of a killed process left whole beside
    it; readers call this first. Nothing where a folder is at `path`, or none was on its way."""
    swaps = [] if path.exists() else _swaps(path)
    if swaps:
        os.replace(swaps[0] / _NEW, path)
        shutil.rmtree(swaps[0], ignore_errors=True)


def _swaps(path: Path) -> list[Path]:
    """Return the scratch folders in which the folder at `path` was set aside for a whole one."""
    # as many random characters as `tempfile` takes: "a.b" is another folder than "a"
    found = path.parent.glob(f".{glob.escape(path.name)}.????????")
    return [left for left in found if (left / _OLD).is_dir()]


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """`replacing`, with DataError in place of OSError: disk full, folder not writable."""
    try:
        with replacing(path) as partial:
            yield partial
    except OSError as error:
        raise DataError(
            f"cannot be written: {error.strerror or error}",
            file=path,
            hint="move away the folder in its place"
            if path.is_dir()
            else "free space, or give another folder; what is finished is kept",
        ) from error


def write_if_changed(path: Path, data: bytes) -> bool:
    """Write a file atomically, or leave it with its times if it already holds `data`.

    Returns:
        Whether it was written.
    """
    if path.exists() and path.stat().st_size == len(data) and path.read_bytes() == data:
        return False
    with replacing(path) as partial:
        partial.write_bytes(data)
    return True


class Scratch:
    """Byte strings by their number, in a temporary file without a name.

    The system removes it with this object, or with a killed process.
    """

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=SCRATCH_IN_MEMORY)  # noqa: SIM115
        self._ends = array("q", [0])

    def append(self, content: bytes) -> None:
        """Add a string, as the last one.

        Raises:
            DataError: the disk is full.
        """
        try:
            self._file.seek(self._ends[-1])
            self._file.write(content)
            self._file.flush()  # or a later read would meet the full disk
        except OSError as error:
            raise DataError(
                f"a temporary file cannot be written: {error.strerror or error}",
                # tempfile itself raises again where no folder can be written
                file=tempfile.tempdir or os.environ.get("TMPDIR", "/tmp"),
                hint="free space there, or name another folder as TMPDIR",
            ) from error
        self._ends.append(self._ends[-1] + len(content))

    def __getitem__(self, number: int) -> bytes:
        start, stop = self._ends[number], self._ends[number + 1]
        self._file.seek(start)
        return self._file.read(stop - start)

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __reduce__(self) -> tuple[Any, ...]:
        return _scratch_of, ([self[number] for number in range(len(self))],)


def _scratch_of(strings: list[bytes]) -> Scratch:
    scratch = Scratch()
    for content in strings:
        scratch.append(content)
    return scratch


def sha256_of(content: Path | bytes) -> str:
    """Return the SHA-256 (hex) of bytes, or of a file's; "" for a file that cannot be read."""
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest()
    try:
        with content.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""
