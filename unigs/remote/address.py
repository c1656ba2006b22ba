"""Files at an fsspec address: ``s3://bucket/folder`` (needs the extra ``s3``), ``memory://``, a
path."""

from __future__ import annotations

import contextlib
import errno
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, BinaryIO, cast

from fsspec.core import url_to_fs

from unigs.errors import ConfigError, DataError, TransientError
from unigs.remote.s3_listing import list_s3

CHUNK = 1 << 20
# What networks and servers that are away raise somewhere below the errors of a bucket's library.
_AWAY = {
    errno.ECONNREFUSED, errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EHOSTDOWN, errno.ENETDOWN,
    errno.ETIMEDOUT,
}  # fmt: skip


# ``NAME:PASSWORD@`` of a server; a user alone, and what stands in paths, is no secret.
_PASSWORD = re.compile(r"://[^/]*:[^/]*@")


class Unreachable(DataError, TransientError):
    """An address whose server does not answer for the moment."""


def is_address(place: str) -> bool:
    """Return whether a text is an address with a scheme, and no path of this machine."""
    return "://" in place


def require_no_password(place: str) -> None:
    """Raise ConfigError for an address with a password in it: addresses are in records and logs."""
    if _PASSWORD.search(place):
        raise ConfigError(
            "an address holds a password, which records and logs would show",
            hint="leave it out, and give it as the bucket's library takes it",
        )


class Address:
    """The files at an fsspec address. Whatever goes wrong there is a DataError of the address, an
    `Unreachable` where its server does not answer; what goes wrong elsewhere meanwhile is none."""

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

    def below(self) -> dict[str, dict[str, Any]]:
        """Return what the server says of each file at the address and in folders there, by its
        name relative to the address, as it is now.

        Raises:
            DataError: no such bucket or folder, or it cannot be reached.
        """
        try:
            with self._reaching():
                self._files.invalidate_cache()
                found = self._found()
        except FileNotFoundError as error:
            raise DataError(
                "no such bucket or folder", file=self.address, hint="check the address"
            ) from error
        start = len(self._base) + 1
        # a file at the address itself is nothing below it
        return {path[start:]: said for path, said in found.items() if len(path) >= start}

    def _found(self) -> dict[str, dict[str, Any]]:
        protocol = self._files.protocol
        if "s3" in ((protocol,) if isinstance(protocol, str) else protocol):
            return dict(list_s3(self._files, self._base))
        # fsspec's own `find` and `walk` pass over a folder that cannot be listed, and its files
        # would be taken to be gone
        found, waiting = {}, [self._base]
        while waiting:
            folder = waiting.pop()
            for said in self._files.ls(folder, detail=True):
                if said["type"] != "directory":
                    found[str(said["name"])] = said
                elif (below := str(said["name"]).rstrip("/")) != folder:
                    waiting.append(below)
        return found

    def open(self, name: str) -> BinaryIO:
        """Open a file for reading from its first byte; FileNotFoundError if it is not there."""
        with self._reaching():
            file = self._files.open(f"{self._base}/{name}")
        return cast(BinaryIO, _Remote(file, f"{self.address}/{name}", self._reaching))

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
            raise (Unreachable if _is_away(error) else DataError)(
                f"cannot be reached: {reason}", file=self.address,
                hint="check address and credentials",
            ) from error  # fmt: skip


def _is_away(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ConnectionError | TimeoutError):
            return True
        if isinstance(error, OSError) and error.errno in _AWAY:
            return True
        error = error.__cause__ or error.__context__
    return False


class _Remote:
    """A remote file that is read from its first byte on."""

    def __init__(
        self, file: Any, name: str, reaching: Callable[[], AbstractContextManager[None]]
    ) -> None:
        self._file, self._name, self._reaching = file, name, reaching

    def read(self, size: int = -1) -> bytes:
        try:
            with self._reaching():
                return bytes(self._file.read(size))
        except FileNotFoundError as error:
            raise DataError(
                "went while it was read", file=self._name, hint="run again when all is delivered"
            ) from error

    def __enter__(self) -> _Remote:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()
