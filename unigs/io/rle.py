"""Label maps as run lengths: what the scenes index stores of a mask.

The code is COCO's compressed RLE (column by column, zeros first), so that pycocotools reads it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pycocotools import mask as coco_mask


def encode_labels(segments: np.ndarray, labels: Sequence[int]) -> list[bytes]:
    """Return the compressed RLE of each label, all of them from one pass over the map.

    Args:
        segments: (h, w) int32, not negative.
        labels: the labels to encode.

    Returns:
        The `counts` of each label; of an all-zero mask where a label does not occur.
    """
    height, width = segments.shape
    flat = segments.ravel(order="F")
    starts = np.concatenate([[0], np.flatnonzero(flat[1:] != flat[:-1]) + 1])
    ends = np.append(starts[1:], flat.size)
    owners = flat[starts]
    order = np.argsort(owners, kind="stable")
    first = np.searchsorted(owners[order], labels, side="left")
    last = np.searchsorted(owners[order], labels, side="right")
    codes = []
    for begin, stop in zip(first.tolist(), last.tolist(), strict=True):
        runs = order[begin:stop]
        edges = np.stack([starts[runs], ends[runs]], axis=1).ravel()
        counts = np.diff(edges, prepend=0, append=flat.size)
        # a mask that ends in ones has no last run of zeros
        trimmed = counts[:-1] if counts[-1] == 0 else counts
        rle = {"size": [height, width], "counts": trimmed.tolist()}
        codes.append(coco_mask.frPyObjects(rle, height, width)["counts"])
    return codes


def decode_labels(
    codes: Sequence[bytes], labels: Sequence[int], height: int, width: int
) -> np.ndarray:
    """Return the label map that disjoint masks make up; the inverse of `encode_labels`.

    Returns:
        (h, w) int32, 0 where no mask is.
    """
    segments = np.zeros((height, width), dtype=np.int32, order="F")
    for code, label in zip(codes, labels, strict=True):
        mask = coco_mask.decode({"size": [height, width], "counts": code})
        segments[mask.view(bool)] = label
    return np.ascontiguousarray(segments)
