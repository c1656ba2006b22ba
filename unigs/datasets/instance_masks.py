"""Masks that are given one by one: polygons, run lengths, and how overlaps are settled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from unigs.errors import DataError
from unigs.io.mask_codes import Rle, mask_code


def rle_of(segmentation: Any, height: int, width: int) -> Rle:
    """Bring a COCO segmentation into compressed run lengths: `mask_code`, and it is not empty.

    Raises:
        DataError: as `mask_code`, or the mask is empty.
    """
    rle = mask_code(segmentation, height, width)
    if not coco_mask.area(rle):
        raise DataError("mask is empty")
    return rle


def rle_of_mask(mask: np.ndarray) -> Rle:
    """Compressed run lengths of a (h, w) bool mask; raise DataError if it is empty."""
    if not mask.any():
        raise DataError("mask is empty")
    return coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))


def flatten(
    rles: Sequence[Rle], crowd: Sequence[bool], height: int, width: int
) -> tuple[np.ndarray, list[int]]:
    """Settle overlaps: smaller masks lie on larger ones, and every mask on every crowd region.

    Args:
        rles: the masks; among equal areas a later one lies on an earlier one.
        crowd: which of them are crowd regions.
        height, width: size of the image.

    Returns:
        ids: (h, w) int32, i + 1 where mask i is on top, 0 where none is.
        visible: (n,) pixels that are left of each mask.
    """
    ids = np.zeros((height, width), dtype=np.int32, order="F")
    areas = [int(coco_mask.area(rle)) for rle in rles]
    for index in sorted(range(len(rles)), key=lambda i: (not crowd[i], -areas[i])):
        ids[coco_mask.decode(rles[index]).view(bool)] = index + 1
    visible = np.bincount(ids.ravel(order="F"), minlength=len(rles) + 1)[1:]
    return np.ascontiguousarray(ids), visible.tolist()
