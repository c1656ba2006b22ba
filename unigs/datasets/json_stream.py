"""A large JSON object read piece by piece, so that memory does not grow with the file.

The standard library's decoder does the reading; this file only feeds it. Stock streaming parsers
(ijson 3.6 was tried) take no NaN and no huge number, so that one bad polygon costs the whole file;
they change half of a surrogate pair in silence, do not tell the place of an error, and a value
without an end fills the memory.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from unigs.errors import DataError
from unigs.io.annotations.text_encoding import encoding_of

CHUNK = 1 << 20
MAX_ELEMENT = 1 << 27
_SPACE = re.compile(r"[ \t\r\n]*")
_NUMBER_GOES_ON = re.compile(r"[0-9.eE+-]*\Z")
_DECODER = json.JSONDecoder()


def stream_members(path: Path) -> Iterator[tuple[str, str, Any]]:
    """Walk a file that holds one JSON object.

    A member whose value is an array is given element by element.

    Yields:
        name of the member, source text of the value or element, its decoded value.

    Raises:
        DataError: the file cannot be read, is no JSON object or ends too early.
    """
    try:
        with path.open(encoding=encoding_of(path)) as file:
            yield from _Walker(file, path).members()
    except UnicodeDecodeError as error:
        raise DataError(f"is not {error.encoding.upper()}: {error.reason}", file=path) from error
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", file=path) from error


class _Walker:
    def __init__(self, file: Any, path: Path) -> None:
        self.file = file
        self.path = path
        self.buffer = ""
        self.position = 0
        self.passed = 0

    def members(self) -> Iterator[tuple[str, str, Any]]:
        self._expect("{")
        if self._peek() == "}":
            self._expect("}")
        else:
            while True:
                _, name = self._value()
                if not isinstance(name, str):
                    raise self._broken("expected the name of a member")
                self._expect(":")
                if self._peek() == "[":
                    yield from ((name, text, value) for text, value in self._elements())
                else:
                    yield (name, *self._value())
                if self._expect(",}") == "}":
                    break
        if self._peek():
            raise self._broken("text after the end of the object")

    def _elements(self) -> Iterator[tuple[str, Any]]:
        self._expect("[")
        if self._peek() == "]":
            self._expect("]")
            return
        while True:
            yield self._value()
            if self._expect(",]") == "]":
                return

    def _value(self) -> tuple[str, Any]:
        self._peek()
        while True:
            try:
                value, end = _DECODER.raw_decode(self.buffer, self.position)
            except (ValueError, RecursionError) as error:
                if isinstance(error, RecursionError) or not self._more():
                    reason = "nested too deeply"
                    if isinstance(error, ValueError):
                        # one without `msg` is about a number of too many digits
                        reason = getattr(error, "msg", None) or str(error)
                    raise self._broken(reason) from error
                continue
            # a number cut by the end of the buffer decodes too: "0." as 0, "12" of "123" as 12
            if _NUMBER_GOES_ON.match(self.buffer, end) and self._more():
                continue
            text = self.buffer[self.position : end]
            self.position = end
            return text, value

    def _peek(self) -> str:
        while True:
            match = _SPACE.match(self.buffer, self.position)
            self.position = match.end() if match else self.position
            if self.position < len(self.buffer):
                return self.buffer[self.position]
            if not self._more():
                return ""

    def _expect(self, allowed: str) -> str:
        found = self._peek()
        if not found or found not in allowed:
            raise self._broken(f"expected {' or '.join(allowed)}")
        self.position += 1
        return found

    def _more(self) -> bool:
        """Read on, as much again as is held, and forget what is behind; False at the end."""
        self.passed += self.position
        self.buffer = self.buffer[self.position :]
        self.position = 0
        if len(self.buffer) > MAX_ELEMENT:
            return False
        chunk = self.file.read(max(CHUNK, len(self.buffer)))
        self.buffer += chunk
        return bool(chunk)

    def _broken(self, reason: str) -> DataError:
        return DataError(
            f"is not the JSON expected: {reason} at character {self.passed + self.position}",
            file=self.path,
            hint="download or write it again",
        )
