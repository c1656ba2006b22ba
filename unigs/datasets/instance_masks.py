"""Masks that are given one by one: polygons, run lengths, and how overlaps are settled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from unigs.datasets.record_values import is_finite, json_kind, whole_number
from unigs.errors import DataError

Rle = dict[str, Any]


def rle_of(segmentation: Any, height: int, width: int) -> Rle:
    """Bring a COCO segmentation into compressed run lengths.

    Args:
        segmentation: a list of polygons [x1, y1, x2, y2, ...] or [[x1, y1], [x2, y2], ...], one
            such polygon alone, or an object with `size` and `counts` as a list (uncompressed) or a
            string (compressed).
        height, width: size of the image.

    Raises:
        DataError: a polygon of fewer than three points, a coordinate that is no finite number or
            further than an image side outside, run lengths of another size, an empty mask.
    """
    if isinstance(segmentation, list):
        rle = _from_polygons(segmentation, height, width)
    elif isinstance(segmentation, dict):
        rle = _from_counts(segmentation, height, width)
    else:
        raise DataError(f"segmentation is {json_kind(segmentation)}, not polygons or counts")
    if not coco_mask.area(rle):
        raise DataError("mask is empty")
    return rle


def rle_of_mask(mask: np.ndarray) -> Rle:
    """Compressed run lengths of a (h, w) bool mask; DataError if it is empty."""
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


def _from_polygons(polygons: list[Any], height: int, width: int) -> Rle:
    if not polygons:
        raise DataError("segmentation holds no polygon")
    polygons = _flat_polygons(polygons)
    for polygon in polygons:
        if not isinstance(polygon, list) or len(polygon) % 2:
            raise DataError("polygon is not a list of x, y, x, y, ...")
        if len(polygon) < 6:
            raise DataError(f"polygon of {len(polygon) // 2} points, at least 3 are needed")
        if not all(map(is_finite, polygon)):
            raise DataError("polygon holds something that is no finite number")
        for values, side in ((polygon[0::2], width), (polygon[1::2], height)):
            if min(values) < -side or max(values) > 2 * side:
                raise DataError(f"polygon lies far outside of the {height}x{width} image")
    return coco_mask.merge(coco_mask.frPyObjects(polygons, height, width))


def _flat_polygons(polygons: list[Any]) -> list[Any]:
    """Polygons as lists of x, y, x, y, ...: some exporters give points, or one polygon alone."""
    if not any(isinstance(part, list) for part in polygons) or _are_points(polygons):
        polygons = [polygons]
    return [
        [value for point in polygon for value in point] if _are_points(polygon) else polygon
        for polygon in polygons
    ]


def _are_points(value: Any) -> bool:
    """Whether it is a list of [x, y], more than one."""
    if not isinstance(value, list) or len(value) < 2:
        return False
    points = all(isinstance(point, list) and len(point) == 2 for point in value)
    return points and not any(isinstance(number, list) for point in value for number in point)


def _from_counts(segmentation: dict[str, Any], height: int, width: int) -> Rle:
    size = segmentation.get("size")
    if not isinstance(size, list) or [*map(whole_number, size)] != [height, width]:
        raise DataError(f"RLE of size {segmentation.get('size')}, the image is {height}x{width}")
    counts = segmentation.get("counts")
    if isinstance(counts, str):
        counts = _uncompress(counts)
    if not isinstance(counts, list) or not all(type(run) is int and run >= 0 for run in counts):
        raise DataError("RLE counts are not run lengths")
    if sum(counts) != height * width:
        raise DataError(f"RLE covers {sum(counts)} pixels, the image has {height * width}")
    rle = {"size": [height, width], "counts": counts}
    return coco_mask.frPyObjects(rle, height, width)


def _uncompress(code: str) -> list[int]:
    """Run lengths from COCO's string; pycocotools would trust it and read out of bounds."""
    counts: list[int] = []
    value = shift = 0
    for character in code:
        chunk = ord(character) - 48
        if not 0 <= chunk < 64 or shift > 60:
            raise DataError("RLE string holds what is no run length")
        value |= (chunk & 0x1F) << shift
        shift += 5
        if not chunk & 0x20:
            if chunk & 0x10:
                value -= 1 << shift
            # from the third run on, only the difference to the one before the last is stored
            counts.append(value + counts[-2] if len(counts) > 2 else value)
            value = shift = 0
    if shift:
        raise DataError("RLE string ends inside a run length")
    return counts
