"""An image file that was read and decoded to its end."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from unigs.errors import DataError
from unigs.io.image_file import ImageSize, read_bytes, verified_size

TURNED = "photograph turned upright, as its EXIF record says"
NOT_TURNED = "photograph read as stored, because its annotation ignores its EXIF record"
SIZE_UNKNOWN = "size taken from the image file, because the annotation gives none"


@dataclass(frozen=True, slots=True)
class Photo:
    """A sound image file.

    Attributes:
        file: where it is.
        size: its size as stored, and its EXIF orientation.
        digest: SHA-256 (hex) of its bytes.
        turned: whether its annotation refers to the pixels turned as the EXIF record says.
        notes: assumptions made.
    """

    file: Path
    size: ImageSize
    digest: str
    turned: bool = False
    notes: tuple[str, ...] = ()

    @property
    def height(self) -> int:
        return self._shape[0]

    @property
    def width(self) -> int:
        return self._shape[1]

    @property
    def _shape(self) -> tuple[int, int]:
        return self.size.upright if self.turned else self.size.stored

    def annotated(self, height: int | None, width: int | None) -> Photo:
        """Return the photograph in the orientation of the annotated size; None is a side not given.

        Upright where that size fits, also where the pixels as stored would fit as well. Where
        neither does, as stored: the caller compares.
        """
        upright = _fits((height, width), self.size.upright)
        turned = self.size.orientation != 1 and upright
        notes = self.notes
        if self.size.orientation != 1:
            notes += (TURNED if turned else NOT_TURNED,)
        return replace(self, turned=turned, notes=notes)

    def require_size(self, height: int | None, width: int | None) -> None:
        """Raise DataError for another size than the annotated one; None is a side not given."""
        if not _fits((height, width), self._shape):
            raise DataError(
                f"image is {self.height}x{self.width},"
                f" the annotation says {height or '?'}x{width or '?'}",
                file=self.file,
            )


def _fits(said: tuple[int | None, int | None], size: tuple[int, int]) -> bool:
    return all(side is None or side == real for side, real in zip(said, size, strict=True))


def read_photo(path: Path) -> Photo:
    """Check an image file; raise DataError if it is missing, broken or not accepted."""
    data = read_bytes(path)
    return Photo(path, verified_size(data, path), hashlib.sha256(data).hexdigest())


def annotation_digest(*parts: Any) -> str:
    """Return the SHA-256 (hex) of JSON records and bytes; field order and white space of JSON do
    not count."""
    digest = hashlib.sha256()
    for part in parts:
        if not isinstance(part, bytes):
            part = json.dumps(part, sort_keys=True, separators=(",", ":")).encode()
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()
