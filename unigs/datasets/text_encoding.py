"""The encoding of a text file, which some programs announce by a byte order mark."""

from __future__ import annotations

import codecs
from pathlib import Path

# that of UTF-32 begins like that of UTF-16
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def encoding_of(source: Path | bytes) -> str:
    """Return the encoding that a file or its bytes announce: UTF-8 where they announce none.

    Raises:
        OSError: the file cannot be read.
    """
    if isinstance(source, Path):
        with source.open("rb") as file:
            source = file.read(4)
    for mark, encoding in _MARKS.items():
        if source.startswith(mark):
            return encoding
    return "utf-8-sig" if source.startswith(codecs.BOM_UTF8) else "utf-8"
