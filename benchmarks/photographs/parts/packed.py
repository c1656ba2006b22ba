"""The weights of a model in files that are small enough to be brought back from another machine.

Of each weight with two or more dimensions every output row is stored as whole numbers of 8 bits
with one scale, everything else in float16.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

FILE_BYTES = 16 << 20
TOTAL_BYTES = 64 << 20
_SCALE = ".scale"
# For the header of a file.
_ROOM = 64 << 10


def pack(weights: Mapping[str, Tensor], folder: Path, file_bytes: int = FILE_BYTES) -> list[Path]:
    """Write ``weights-N.safetensors`` of at most `file_bytes` each; return them.

    Raises:
        ValueError: one row of numbers does not fit a file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    groups: list[dict[str, Tensor]] = [{}]
    size = 0
    for name, value in _pieces(weights, file_bytes - _ROOM):
        count = value.numel() * value.element_size()
        if count > file_bytes - _ROOM:
            raise ValueError(f"{name} has {count} bytes, a file {file_bytes}")
        if size + count > file_bytes - _ROOM:
            groups.append({})
            size = 0
        groups[-1][name] = value
        size += count
    files = []
    for number, group in enumerate(groups):
        files.append(folder / f"weights-{number}.safetensors")
        save_file(group, files[-1])
    return files


def unpack(files: Iterable[Path]) -> dict[str, Tensor]:
    """Return float32 weights of what `pack` wrote."""
    parts: dict[str, dict[int, Tensor]] = {}
    scales: dict[str, Tensor] = {}
    for file in files:
        for name, value in load_file(file).items():
            if name.endswith(_SCALE):
                scales[name.removesuffix(_SCALE)] = value.float()
                continue
            stem, _, number = name.rpartition("#")
            parts.setdefault(stem, {})[int(number)] = value
    weights = {}
    for name, found in parts.items():
        value = torch.cat([found[number] for number in sorted(found)]).float()
        if name in scales:
            value *= scales[name].reshape(-1, *[1] * (value.ndim - 1))
        weights[name] = value
    return weights


def _pieces(weights: Mapping[str, Tensor], most: int) -> Iterable[tuple[str, Tensor]]:
    """Yield what is stored: ``NAME#N``, rows of a weight, and ``NAME.scale``."""
    for name, value in weights.items():
        plain = value.detach().float().cpu()
        if plain.ndim < 2:
            yield f"{name}#0", plain.half()
            continue
        rows = plain.flatten(1)
        # float16 first, so that the numbers are those of the scale that is read.
        scale = (rows.abs().amax(dim=1) / 127).clamp(min=6e-8).half()
        whole = (rows / scale.float()[:, None]).round().clamp(-127, 127).to(torch.int8)
        whole = whole.reshape(plain.shape)
        yield f"{name}{_SCALE}", scale
        step = max(1, most // max(1, whole[0].numel()))
        for number, start in enumerate(range(0, len(whole), step)):
            yield f"{name}#{number}", whole[start : start + step].contiguous()
