"""Text embeddings of many prompts in one safetensors file, streamed from and to disk.

The file has one tensor ``embeddings`` (P, L, D) float16; ``prompts.json`` lists the P
prompts. Row 0 is always the empty prompt, which guidance and its training need.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from unigs.errors import DataError, ModelError
from unigs.io.files import writing

TEXT = "text.safetensors"
PROMPTS = "prompts.json"
EMPTY_PROMPT = ""
CHUNK = 256

_TENSOR = "embeddings"
_HINT = "delete the folder and build the latents again"


class TextTable:
    """Prompts and their embeddings; a row is read when it is asked for.

    Attributes:
        shape: (P, L, D).

    Raises DataError for files that are missing, broken or do not fit each other.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / TEXT
        try:
            self._file = folder / PROMPTS
            prompts = self.prompts()
            self._rows = safe_open(path, framework="numpy").get_slice(_TENSOR)
            count, length, width = self._rows.get_shape()
            if self._rows.get_dtype() != "F16" or count != len(prompts):
                raise ValueError("embeddings do not fit the prompts")
        except (OSError, ValueError, TypeError, SafetensorError) as error:
            raise DataError(f"cannot be read: {error}", file=path, hint=_HINT) from error
        self.shape: tuple[int, int, int] = (count, length, width)

    def prompts(self) -> list[str]:
        """Return the P prompts, read from disk."""
        return list(json.loads(self._file.read_bytes()))

    def __getitem__(self, row: int) -> np.ndarray:
        """Return (L, D) float16."""
        return self._rows[int(row)]


def write_text_table(
    folder: Path, prompts: Iterable[str], encode: Callable[[list[str]], np.ndarray]
) -> tuple[int, int, int]:
    """Write both files; returns (P, L, D).

    ``encode`` takes prompts and gives (n, L, D); it is called with 256 at a time.
    """
    wanted = [EMPTY_PROMPT, *sorted(set(prompts) - {EMPTY_PROMPT})]
    first = _half(encode(wanted[:1]))
    shape = (len(wanted), *first.shape[1:])
    with writing(folder / TEXT) as partial, tempfile.TemporaryFile(dir=folder) as scratch:
        # The table may be larger than memory: a temporary file holds it until it is written.
        scratch.truncate(int(np.prod(shape)) * first.itemsize)
        table = np.memmap(scratch, dtype=np.float16, mode="r+", shape=shape)
        table[0] = first[0]
        for start in range(1, len(wanted), CHUNK):
            chunk = wanted[start : start + CHUNK]
            table[start : start + len(chunk)] = _half(encode(chunk))
        save_file({_TENSOR: table}, partial)
    with writing(folder / PROMPTS) as partial:
        partial.write_text(json.dumps(wanted, ensure_ascii=False, indent=0) + "\n", "utf-8")
    return shape


def _half(values: np.ndarray) -> np.ndarray:
    half = np.ascontiguousarray(values, dtype=np.float16)
    if not np.isfinite(half).all():
        raise ModelError("text embeddings leave the range of float16")
    return half
