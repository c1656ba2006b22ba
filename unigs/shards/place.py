"""Location of a folder of shards: a local path or an fsspec address (``s3://...``)."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from fsspec.core import url_to_fs

from unigs.errors import DataError
from unigs.shards.manifest import MANIFEST, SAMPLES

CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class ShardPlace:
    """An opened place.

    Attributes:
        name: folder or address, for messages.
        folder: holds manifest.json and samples.parquet; of an address, copies of them.
        open: opens a file of the place by name, for reading from its first byte; OSError if it
            is not there.
        names: of all files directly in the place.
    """

    name: str
    folder: Path
    open: Callable[[str], BinaryIO]
    names: frozenset[str]


@contextlib.contextmanager
def opened(place: Path | str) -> Iterator[ShardPlace]:
    """A folder, or an address, to read shards from one after the other.

    Raises DataError when the address cannot be reached.
    """
    if isinstance(place, Path) or "://" not in place:
        folder = Path(place)
        names = frozenset(p.name for p in folder.iterdir()) if folder.is_dir() else frozenset()
        yield ShardPlace(str(folder), folder, lambda name: (folder / name).open("rb"), names)
        return
    address = Address(place)
    with tempfile.TemporaryDirectory() as copies:
        names = frozenset(address.names())
        for name in names & {MANIFEST, SAMPLES}:
            address.get(name, Path(copies, name))
        yield ShardPlace(place, Path(copies), address.open, names)


class Address:
    """The files at an fsspec address. Whatever goes wrong there is a DataError of the address; what
    goes wrong elsewhere meanwhile is none."""

    def __init__(self, address: str) -> None:
        self.address = address
        with self._reaching():
            self._files, base = url_to_fs(address)
        self._base = base.rstrip("/")

    def names(self) -> set[str]:
        """Return the names of the files directly at the address, as it is now."""
        with self._reaching():
            self._files.invalidate_cache()
            if not self._files.exists(self._base):
                return set()
            found = self._files.ls(self._base, detail=False)
        return {str(name).rsplit("/", 1)[-1] for name in found}

    def open(self, name: str) -> BinaryIO:
        """Open a file for reading from its first byte; FileNotFoundError if it is not there."""
        with self._reaching():
            file = self._files.open(f"{self._base}/{name}")
        return cast(BinaryIO, _Remote(file, self._reaching))

    def get(self, name: str, target: Path) -> None:
        """Copy a file to this machine."""
        try:
            source = self.open(name)
        except FileNotFoundError as error:
            raise DataError("is not there", file=f"{self.address}/{name}") from error
        try:
            with source, target.open("wb") as file:
                shutil.copyfileobj(source, file, CHUNK)
        except OSError as error:
            raise DataError(
                f"cannot be written: {error.strerror or error}", file=target, hint="free space"
            ) from error

    def put(self, source: Path, name: str) -> None:
        """Copy a file of this machine to the address, with the folders it lies in."""
        path = f"{self._base}/{name}"
        with self._reaching():
            self._files.makedirs(path.rpartition("/")[0], exist_ok=True)
            self._files.put_file(str(source), path)

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        with self._reaching(), contextlib.suppress(FileNotFoundError):
            self._files.rm_file(f"{self._base}/{name}")

    @contextlib.contextmanager
    def _reaching(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise
        # each kind of bucket raises types of its own: OSError, ImportError, botocore's, aiohttp's
        except Exception as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise DataError(
                f"cannot be reached: {reason}", file=self.address,
                hint="check address and credentials",
            ) from error  # fmt: skip


class _Remote:
    """A remote file that is read from its first byte on."""

    def __init__(self, file: Any, reaching: Callable[[], AbstractContextManager[None]]) -> None:
        self._file, self._reaching = file, reaching

    def read(self, size: int = -1) -> bytes:
        with self._reaching():
            return bytes(self._file.read(size))

    def __enter__(self) -> _Remote:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()
