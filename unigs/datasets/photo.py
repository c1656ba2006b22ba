"""An image file that was read and decoded to its end."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unigs.io.image_file import read_bytes, verified_size


@dataclass(frozen=True, slots=True)
class Photo:
    """A sound image file: its size in pixels and the SHA-256 (hex) of its bytes."""

    file: Path
    height: int
    width: int
    digest: str


def read_photo(path: Path) -> Photo:
    """Check an image file; DataError if it is missing, broken or refused."""
    data = read_bytes(path)
    height, width = verified_size(data, path)
    return Photo(path, height, width, hashlib.sha256(data).hexdigest())


def annotation_digest(*parts: Any) -> str:
    """SHA-256 (hex) of JSON records and bytes; field order and white space of JSON do not count."""
    digest = hashlib.sha256()
    for part in parts:
        if not isinstance(part, bytes):
            part = json.dumps(part, sort_keys=True, separators=(",", ":")).encode()
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()
