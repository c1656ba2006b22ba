"""Masks that are given one by one: COCO's three ways to write them, and how overlaps are settled.

What is written is brought into one form and checked before any C code sees it. pycocotools trusts
what it is given: a run that passes the end of the image makes it loop for ever, a negative one
fills the memory, a polygon of two points is taken for a box, many polygons are merged in a time
that grows with their square. Reading a mask takes time and memory in proportion to the input,
whatever the input is.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from unigs.errors import DataError

Rle = dict[str, Any]

# COCO keeps runs in 32 bits, seven characters of five bits each.
MAX_PIXELS = (1 << 32) - 1
_CHARACTERS = 7
# Of all polygons of a mask, in pixels; pycocotools needs about 100 bytes for each.
_MAX_OUTLINE = 1 << 22
# Polygons that pycocotools merges at a time: it goes through all runs so far with each.
_MERGED = 8


def mask_code(segmentation: Any, height: int, width: int) -> Rle:
    """Compressed run lengths of a COCO segmentation.

    Args:
        segmentation: a list of polygons [x1, y1, x2, y2, ...] or [[x1, y1], [x2, y2], ...], one
            such polygon alone, or an object with `size` [h, w] and `counts` (a list, or COCO's
            compressed text or bytes).
        height, width: size of the image.

    Returns:
        {"size": [h, w], "counts": bytes}; the mask may be empty.

    Raises:
        DataError: null, another type, another size, runs that are negative or do not add up to
            the image, a polygon of fewer than three points or with something else than finite
            numbers no further than an image side outside, outlines of too many pixels together.
    """
    if isinstance(segmentation, list | tuple):
        return _from_polygons(segmentation, height, width)
    if not isinstance(segmentation, Mapping):
        kind = "null" if segmentation is None else type(segmentation).__name__
        raise DataError(f"segmentation is {kind}, not polygons or counts")
    size = segmentation.get("size")
    if not isinstance(size, list | tuple) or [*map(_whole, size)] != [height, width]:
        raise DataError(
            f"RLE of size {_short(size)}, the image is {height}x{width}",
            hint="write the mask at the size of the image, [height, width]",
        )
    counts = segmentation.get("counts")
    if isinstance(counts, list | tuple):
        runs = _listed(counts)
    elif isinstance(counts, str | bytes):
        runs = unpack_runs(counts)
    else:
        raise DataError(f"RLE counts are {_short(counts)}, not run lengths")
    if runs.size and runs.min() < 0:
        raise DataError("RLE counts are not run lengths: one is negative")
    # capped so that no number of runs overflows the sum
    total = int(np.minimum(runs, MAX_PIXELS + 1).sum())
    if total != height * width:
        raise DataError(
            f"RLE covers {total} pixels, the image has {height * width}",
            hint="write the mask again, at the size of the image",
        )
    if isinstance(counts, str | bytes):
        raw = counts.encode("ascii") if isinstance(counts, str) else counts
        return {"size": [height, width], "counts": raw}
    rle = {"size": [height, width], "counts": runs.tolist()}
    return coco_mask.frPyObjects(rle, height, width)


def code_of_mask(mask: np.ndarray) -> Rle:
    """Compressed run lengths of a (h, w) bool mask."""
    return coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))


def not_empty(rle: Rle) -> Rle:
    """Return a mask as it is; raise DataError if it has no pixel."""
    if not coco_mask.area(rle):
        raise DataError("mask is empty")
    return rle


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


def unpack_runs(code: str | bytes) -> np.ndarray:
    """Return the (n,) int64 run lengths of COCO's compressed text; they may still be negative.

    Raises:
        DataError: a character that no run is written with, a run of more than 32 bits, a text
            that ends inside a run.
    """
    try:
        raw = code.encode("ascii") if isinstance(code, str) else code
    except UnicodeEncodeError as error:
        raise DataError("RLE string holds what is no run length") from error
    if raw[:2] in (b"b'", b'b"'):
        raise DataError(
            "RLE counts are the printed form of Python bytes, b'...'",
            hint="write counts.decode() instead of str(counts)",
        )
    chunks = np.frombuffer(raw, np.uint8).astype(np.int64) - 48
    if chunks.size == 0:
        return chunks
    if chunks.min() < 0 or chunks.max() > 63:
        raise DataError("RLE string holds what is no run length")
    ends = np.flatnonzero(chunks < 32)
    if not ends.size or ends[-1] != chunks.size - 1:
        whole = chunks.size - (ends[-1] + 1 if ends.size else 0) <= _CHARACTERS
        raise DataError(
            f"RLE string {'ends inside a run length' if whole else 'holds what is no run length'}"
        )
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - starts + 1
    if lengths.max() > _CHARACTERS:
        raise DataError("RLE string holds a run of more than 32 bits")
    place = np.arange(chunks.size) - np.repeat(starts, lengths)
    values = np.add.reduceat((chunks & 31) << 5 * place, starts)
    values -= np.where(chunks[ends] & 16, 1 << 5 * lengths, 0)
    # from the fourth run on, the difference to the one before the last is stored
    values[1::2] = np.cumsum(values[1::2])
    values[2::2] = np.cumsum(values[2::2])
    return values


def _listed(counts: list[Any] | tuple[Any, ...]) -> np.ndarray:
    if not all(type(run) is int and abs(run) <= MAX_PIXELS for run in counts):
        raise DataError("RLE counts are not run lengths: whole numbers, none of them negative")
    return np.array(counts, np.int64)


def _from_polygons(polygons: Any, height: int, width: int) -> Rle:
    if not polygons:
        raise DataError("segmentation holds no polygon", hint="leave the record out")
    polygons = _flat_polygons(polygons)
    outline = 0.0
    for polygon in polygons:
        if not isinstance(polygon, list | tuple) or len(polygon) % 2:
            raise DataError("polygon is not a list of x, y, x, y, ...")
        if len(polygon) < 6:
            raise DataError(f"polygon of {len(polygon) // 2} points, at least 3 are needed")
        if not all(_is_finite(value) for value in polygon):
            raise DataError("polygon holds something that is no finite number")
        for values, side in ((polygon[0::2], width), (polygon[1::2], height)):
            if min(values) < -side or max(values) > 2 * side:
                raise DataError(f"polygon lies far outside of the {height}x{width} image")
        points = np.array(polygon, float).reshape(-1, 2)
        outline += np.abs(points - np.roll(points, 1, axis=0)).max(axis=1).sum()
        if outline > _MAX_OUTLINE:
            raise DataError(
                f"polygons with an outline of more than {_MAX_OUTLINE} pixels",
                hint="split the record, or write it as run lengths",
            )
    return _merged(coco_mask.frPyObjects([list(p) for p in polygons], height, width))


def _merged(codes: list[Rle]) -> Rle:
    """Return the union of some masks, a few at a time."""
    while len(codes) > 1:
        starts = range(0, len(codes), _MERGED)
        codes = [coco_mask.merge(codes[start : start + _MERGED]) for start in starts]
    return codes[0]


def _flat_polygons(polygons: Any) -> list[Any]:
    """Polygons as lists of x, y, x, y, ...: some programs write points, or one polygon alone."""
    if not any(isinstance(part, list | tuple) for part in polygons) or _are_points(polygons):
        polygons = [polygons]
    return [
        [value for point in polygon for value in point] if _are_points(polygon) else polygon
        for polygon in polygons
    ]


def _are_points(value: Any) -> bool:
    """Return whether it is a list of [x, y], more than one."""
    if not isinstance(value, list | tuple) or len(value) < 2:
        return False
    points = all(isinstance(point, list | tuple) and len(point) == 2 for point in value)
    return points and not any(isinstance(n, list | tuple) for point in value for n in point)


def _is_finite(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    # a huge integer is finite, but too large to become a float
    return abs(value) < 1e9 if isinstance(value, int) else math.isfinite(value)


def _whole(value: Any) -> int | None:
    """Return a whole number, also as 48.0 or "48"."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    if isinstance(value, str):
        return int(value) if re.fullmatch(r"[0-9]{1,18}", value) else None
    return value if isinstance(value, int) else None


def _short(value: Any) -> str:
    text = "missing" if value is None else repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
