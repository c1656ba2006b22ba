"""The mask files of Open Images, in one folder, in sixteen folders or in sixteen archives."""

from __future__ import annotations

import lzma
import zipfile
import zlib
from pathlib import Path

from unigs.errors import DataError
from unigs.io.annotations.file_names import inside, spellings
from unigs.io.image_file import read_bytes

MAX_MASK_BYTES = 1 << 26


class MaskFiles:
    """Find masks by their names; the archive last used stays open.

    Args:
        root: root of the data set.
        split: name of the split.
    """

    def __init__(self, root: Path, split: str) -> None:
        self.root = root
        self.stem = f"{split}-masks"
        self._open: tuple[Path, zipfile.ZipFile] | None = None

    def read(self, name: str) -> tuple[bytes, Path]:
        """Return the bytes of a mask and the file they are in.

        Args:
            name: as the CSV lists it; its first character tells the folder or archive.

        Raises:
            DataError: nowhere to be found, or unreadable.
        """
        for file in self._candidates(name):
            if file.is_file():
                in_archive = file.suffix == ".zip"
                return (self._member(file, name) if in_archive else read_bytes(file)), file
        raise DataError(f"is in no folder or archive {self.stem}")

    def find(self, name: str) -> Path | None:
        """Return the file or archive that `read` would read; None if there is none."""
        try:
            return next((file for file in self._candidates(name) if file.is_file()), None)
        except DataError:
            return None

    def _candidates(self, name: str) -> list[Path]:
        part, home = self._part(name), self.root / self.stem
        folders = (home, self.root / part, home / part)
        loose = [inside(folder, form) for form in spellings(name) for folder in folders]
        return [*loose, self.root / f"{part}.zip", home / f"{part}.zip"]

    def _part(self, name: str) -> str:
        return f"{self.stem}-{name[:1].lower()}"

    def _member(self, path: Path, name: str) -> bytes:
        try:
            archive = self._archive(path)
            members = archive.NameToInfo
            found = next((n for n in (name, f"{self._part(name)}/{name}") if n in members), None)
            if found is None:
                raise DataError(f"holds no {name}", file=path)
            if members[found].file_size > MAX_MASK_BYTES:
                raise DataError(f"{name} is too large for a mask", file=path)
            return archive.read(found)
        # zipfile says NotImplementedError to a compression it does not know, RuntimeError to a
        # password, EOFError to a member that goes on behind the end of the file
        except (
            OSError,
            EOFError,
            zipfile.BadZipFile,
            zlib.error,
            lzma.LZMAError,
            NotImplementedError,
            RuntimeError,
        ) as error:
            reason = str(error) or "the archive ends before"
            raise DataError(f"{name} cannot be read: {reason}", file=path) from error

    def _archive(self, path: Path) -> zipfile.ZipFile:
        if self._open is None or self._open[0] != path:
            if self._open is not None:
                self._open[1].close()
                self._open = None
            self._open = (path, zipfile.ZipFile(path))
        return self._open[1]
