"""Text embeddings of many prompts in one safetensors file, written and read without holding it.

The file has one tensor ``embeddings`` (P, L, D) float16; ``prompts.json`` beside it lists the P
prompts. Row 0 is always the empty prompt, which guidance and its training need.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from unigs.errors import DataError, ModelError
from unigs.shards.tar import writing

TEXT = "text.safetensors"
PROMPTS = "prompts.json"
EMPTY_PROMPT = ""
CHUNK = 256

_MEND = "delete the folder and build the latents again"


def write_text_table(
    folder: Path, prompts: Iterable[str], encode: Callable[[list[str]], np.ndarray]
) -> tuple[int, int, int]:
    """Write both files; returns (P, L, D).

    ``encode`` takes prompts and gives (n, L, D); it is called with 256 at a time.
    """
    wanted = [EMPTY_PROMPT, *sorted(set(prompts) - {EMPTY_PROMPT})]
    first = _half(encode(wanted[:1]))
    shape = (len(wanted), *first.shape[1:])
    length = int(np.prod(shape)) * first.itemsize
    tensor = {"dtype": "F16", "shape": shape, "data_offsets": [0, length]}
    header = json.dumps({"embeddings": tensor}, separators=(",", ":")).encode()
    # The format asks for data aligned to eight bytes; blanks after the JSON are allowed.
    header += b" " * (-len(header) % 8)
    with writing(folder / TEXT) as partial, partial.open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header + first.tobytes())
        for start in range(1, len(wanted), CHUNK):
            file.write(_half(encode(wanted[start : start + CHUNK])).tobytes())
    with writing(folder / PROMPTS) as partial:
        partial.write_text(json.dumps(wanted, ensure_ascii=False, indent=0) + "\n", "utf-8")
    return shape


def read_text_table(folder: Path) -> tuple[list[str], np.ndarray]:
    """The prompts and their embeddings, (P, L, D) float16, mapped and not read."""
    path = folder / TEXT
    try:
        prompts = json.loads((folder / PROMPTS).read_bytes())
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            if size > path.stat().st_size:
                raise ValueError("header longer than the file")
            tensor = json.loads(file.read(size))["embeddings"]
        if tensor["dtype"] != "F16" or tensor["shape"][0] != len(prompts):
            raise ValueError("embeddings do not fit the prompts")
        shape = tuple(int(extent) for extent in tensor["shape"])
        offset = 8 + size + int(tensor["data_offsets"][0])
        table = np.memmap(path, dtype=np.float16, mode="r", offset=offset, shape=shape)
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise DataError(f"cannot be read: {error}", file=path, hint=_MEND) from error
    return prompts, table


def _half(values: np.ndarray) -> np.ndarray:
    half = np.ascontiguousarray(values, dtype=np.float16)
    if not np.isfinite(half).all():
        raise ModelError("text embeddings leave the range of float16")
    return half
