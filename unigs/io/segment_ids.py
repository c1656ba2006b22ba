"""The ids of segments as the colours of a panoptic PNG: id = R + 256 G + 65536 B (COCO)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def id_to_rgb(segments: NDArray[np.integer]) -> NDArray[np.uint8]:
    """Return (h, w, 3) uint8 of (h, w) ids from 0 to 2^24 - 1."""
    labels = segments.astype(np.uint32)
    return np.stack([labels & 255, labels >> 8 & 255, labels >> 16 & 255], -1).astype(np.uint8)


def rgb_to_id(colors: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Return (h, w) int32 of (h, w, 3) uint8; of a fourth channel nothing is read."""
    wide = colors.astype(np.int32)
    return wide[..., 0] + 256 * wide[..., 1] + 65536 * wide[..., 2]
