"""The encoding of an annotation file, which some programs announce by a byte order mark.

Without one UTF-16 and UTF-32 are known by the zeros of the first character, which is ASCII in all
of JSON and in our CSV files (RFC 4627, section 3).
"""

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
# which of the first four bytes are not zero
_ZEROS = {
    bytes([1, 0, 0, 0]): "utf-32-le",
    bytes([0, 0, 0, 1]): "utf-32-be",
    bytes([1, 0, 1, 0]): "utf-16-le",
    bytes([0, 1, 0, 1]): "utf-16-be",
}


def encoding_of(source: Path | bytes) -> str:
    """Return the encoding of a file or of its bytes: UTF-8 unless they look like another.

    Raises:
        OSError: the file cannot be read.
    """
    if isinstance(source, Path):
        with source.open("rb") as file:
            source = file.read(4)
    for mark, encoding in _MARKS.items():
        if source.startswith(mark):
            return encoding
    if source.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    return _ZEROS.get(bytes(map(bool, source[:4])), "utf-8")
