"""The segments of a panoptic pair: colours of the PNG, id = R + 256 G + 65536 B, and records of the
JSON (COCO)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unigs.errors import DataError
from unigs.io.annotations.record_values import flag, whole
from unigs.io.image_file import decode_labels

# an id is three bytes of colour
MAX_SEGMENT = (1 << 24) - 1


def read_segments(png: bytes, path: Path) -> NDArray[np.int32]:
    """Return (h, w) int32 ids of a panoptic PNG, 0 = unlabelled; its alpha says nothing.

    Raises:
        DataError: no PNG of 8 bits with colours of its own, or one that does not decode.
    """
    colors = decode_labels(png, path)
    # byte 24 of a PNG is its bit depth; Pillow would silently halve 16-bit colours
    if colors.ndim != 3 or colors.shape[2] not in (3, 4) or png[24] != 8:
        raise DataError("not an 8-bit RGB PNG", file=path, hint="write ids as colours")
    return rgb_to_id(colors)


def segment_id(info: Any) -> int:
    """Return the id in the record of a segment, also as 7.0 or "7".

    Raises DataError unless it is one that a colour holds and that is not 0.
    """
    number = whole(info, "id")
    if not 0 < number <= MAX_SEGMENT:
        raise DataError(f"segment id {number} is not in 1..{MAX_SEGMENT}")
    return number


def is_thing(category: dict[str, Any]) -> bool:
    """Return whether the record of a category says `isthing`, or `type` "thing"; where it says
    neither, as in instances files, it is one. DataError where `isthing` is not 0 or 1."""
    return flag(category, "isthing", category.get("type", "thing") == "thing")


def id_to_rgb(segments: NDArray[np.integer]) -> NDArray[np.uint8]:
    """Return (h, w, 3) uint8 of (h, w) ids from 0 to 2^24 - 1."""
    labels = segments.astype(np.uint32)
    return np.stack([labels & 255, labels >> 8 & 255, labels >> 16 & 255], -1).astype(np.uint8)


def rgb_to_id(colors: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Return (h, w) int32 of (h, w, 3) uint8; of a fourth channel nothing is read."""
    wide = colors.astype(np.int32)
    return wide[..., 0] + 256 * wide[..., 1] + 65536 * wide[..., 2]
