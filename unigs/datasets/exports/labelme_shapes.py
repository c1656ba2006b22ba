"""The shapes that LabelMe draws, as masks."""

from __future__ import annotations

import base64
import binascii
import math
from pathlib import Path
from typing import Any

import numpy as np

from unigs.errors import DataError
from unigs.io.annotations.record_values import field, is_finite
from unigs.io.image_file import decode_labels
from unigs.io.mask_codes import Rle, code_of_mask, mask_code

# Corners of the polygon that stands for a circle.
CORNERS = 64
AREAS = ("polygon", "rectangle", "oriented_rectangle", "circle", "mask")


def shape_code(shape: dict[str, Any], height: int, width: int, file: Path) -> Rle:
    """Return the mask of a shape as compressed run lengths.

    Args:
        shape: a member of `shapes`: `shape_type` (a polygon where it is missing), `points` as
            [[x, y], ...] in pixels, and of a mask `mask`, a PNG in base64 that lies over the
            rectangle of the two points.
        height, width: size of the image.
        file: the JSON, for messages.

    Raises:
        DataError: a shape without an area (points, lines), or one that is broken.
    """
    kind = shape.get("shape_type") or "polygon"
    if kind not in AREAS:
        raise DataError(f"a shape of type {str(kind)[:40]!r} covers no area")
    points = field(shape, "points", list)
    if kind == "mask":
        return code_of_mask(_mask(shape, _corners(points), (height, width), file))
    if kind == "circle":
        (x, y), (u, v) = _corners(points)
        radius = math.hypot(u - x, v - y)
        turns = [2 * math.pi * corner / CORNERS for corner in range(CORNERS)]
        points = [[x + radius * math.cos(turn), y + radius * math.sin(turn)] for turn in turns]
    elif kind == "rectangle" and len(points) == 2:
        (x, y), (u, v) = _corners(points)
        points = [[x, y], [u, y], [u, v], [x, v]]
    if len(points) < 3:
        raise DataError(f"polygon of {len(points)} points, at least 3 are needed")
    return mask_code(points, height, width)


def _corners(points: list[Any]) -> list[list[float]]:
    sound = len(points) == 2 and all(
        isinstance(point, list) and len(point) == 2 and all(map(is_finite, point))
        for point in points
    )
    if not sound:
        raise DataError("its points are not two pairs of finite numbers")
    return points


def _mask(
    shape: dict[str, Any], corners: list[list[float]], size: tuple[int, int], file: Path
) -> np.ndarray:
    try:
        data = base64.b64decode(field(shape, "mask", str), validate=True)
    except (binascii.Error, ValueError) as error:
        raise DataError(f"its mask is not base64: {error}") from error
    part = decode_labels(data, file)
    part = (part if part.ndim == 2 else part[..., 0]) > 0
    left, top = (round(min(corner[axis] for corner in corners)) for axis in (0, 1))
    whole = np.zeros(size, bool)
    place = whole[max(top, 0) : top + part.shape[0], max(left, 0) : left + part.shape[1]]
    if place.shape != part.shape:
        raise DataError(
            f"its mask of {part.shape[0]}x{part.shape[1]} does not fit the {size[0]}x{size[1]}"
            f" image at row {top}, column {left}"
        )
    place[:] = part
    return whole
