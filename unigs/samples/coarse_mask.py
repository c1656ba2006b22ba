"""Coarse masks (Omega in Eq. 9 of the paper; supplementary section 6, Algorithm 1).

A coarse mask says "fill here": it hides the exact shape of the sampled entities behind a wobbly
outline or a box. Algorithm 1 comes from Paint-by-Example, whose polarity is inverted (1 = keep);
here ``True`` always means "fill".

Two details of the pseudocode are read, not copied. It skips a point when one of its coordinates
equals an earlier one exactly; on a symmetric curve that is an accident of rounding, so all
eighteen points of a side are kept. Its jitter of five pixels belongs to 512-pixel images and
scales with the image here.
"""

from typing import Literal, get_args

import numpy as np
from PIL import Image, ImageDraw

from unigs.errors import ConfigError

__all__ = ["coarse_mask"]

CoarseKind = Literal["sample", "bezier", "box"]

POINTS_PER_SIDE = 18
JITTER = 5
JITTER_IMAGE_SIZE = 512


def extend_boxes(
    boxes: np.ndarray, height: int, width: int, rng: np.random.Generator, extension: float
) -> np.ndarray:
    """Move each side outwards by ``U(0, extension)`` of the free space to the image border.

    ``boxes`` is (n, 4) xyxy in pixels, right and bottom exclusive; returns (n, 4) float64.
    """
    free = np.stack([boxes[:, 0], boxes[:, 1], width - boxes[:, 2], height - boxes[:, 3]], axis=1)
    moved = rng.uniform(0.0, extension, size=boxes.shape) * np.maximum(free, 0.0)
    return boxes + moved * np.array([-1.0, -1.0, 1.0, 1.0])


def curve_points(boxes: np.ndarray, extended: np.ndarray) -> np.ndarray:
    """Return the points of Algorithm 1's four quadratic curves, before jitter: (n, 72, 2) as (x,
    y).

    Each side runs from corner to corner of the box; its middle control point is the middle of
    that side in the box, moved out to the extended box. Sides follow in the order top, right,
    bottom, left; each gives its points at t = 0.05, 0.10, ... 0.90.
    """
    x0, y0, x1, y1 = boxes.T
    ex0, ey0, ex1, ey1 = extended.T
    mid_x, mid_y = (x0 + x1) / 2, (y0 + y1) / 2
    nodes = np.stack(
        [
            np.stack([x0, y0, mid_x, ey0, x1, y0], axis=1),
            np.stack([x1, y0, ex1, mid_y, x1, y1], axis=1),
            np.stack([x1, y1, mid_x, ey1, x0, y1], axis=1),
            np.stack([x0, y1, ex0, mid_y, x0, y0], axis=1),
        ],
        axis=1,
    ).reshape(len(boxes), 4, 3, 2)
    t = np.arange(1, POINTS_PER_SIDE + 1) * 0.05
    weights = np.stack([(1 - t) ** 2, 2 * t * (1 - t), t**2], axis=1)
    return np.einsum("pk,nskc->nspc", weights, nodes).reshape(len(boxes), -1, 2)


def coarse_mask(
    boxes: np.ndarray,
    height: int,
    width: int,
    rng: np.random.Generator,
    kind: CoarseKind = "sample",
    curve_probability: float = 0.5,
    extension: float = 0.4,
    cover: bool = False,
    curve_share: tuple[float, float] = (0.02, 0.8),
) -> np.ndarray:
    """Union of one coarse region per box: (height, width) bool, ``True`` = fill here.

    ``boxes``: (n, 4) xyxy in pixels, right and bottom exclusive; n = 0 gives an empty mask.
    ``kind``: ``sample`` draws the curve with ``curve_probability`` and the extended box
    otherwise; ``bezier`` and ``box`` fix the choice. A box that covers less than
    ``curve_share[0]`` or more than ``curve_share[1]`` of the image always takes the extended box
    (the original drops such entities). ``cover`` adds the box itself, which the curve's jitter
    may otherwise cut into. The number of draws from ``rng`` depends on n alone.

    Raises ConfigError for boxes of another shape, not finite, or without area in the image.
    """
    if kind not in get_args(CoarseKind):
        raise ConfigError(f"coarse mask kind {kind!r}: give one of {get_args(CoarseKind)}")
    boxes = _clipped(boxes, height, width)
    extended = extend_boxes(boxes, height, width, rng, extension)
    drawn = rng.uniform(size=len(boxes)) < curve_probability
    jitter = rng.integers(-JITTER, JITTER + 1, size=(len(boxes), 4 * POINTS_PER_SIDE, 2))
    share = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]) / (height * width)
    curved = (share >= curve_share[0]) & (share <= curve_share[1])
    if kind != "bezier":
        curved &= drawn if kind == "sample" else False

    mask = np.zeros((height, width), dtype=bool)
    if curved.any():
        scale = min(height, width) / JITTER_IMAGE_SIZE
        points = curve_points(boxes, extended) + jitter * scale
        canvas = Image.new("L", (width, height))
        draw = ImageDraw.Draw(canvas)
        for outline in points[curved]:
            # A pixel's centre lies at index + 0.5 in box coordinates, at the index itself in PIL.
            draw.polygon((outline - 0.5).ravel().tolist(), fill=1)
        mask |= np.asarray(canvas, dtype=bool)
    for box in extended[~curved]:
        _fill(mask, box)
    if cover:
        for box in boxes:
            _fill(mask, box)
    return mask


def latent_mask(mask: np.ndarray, factor: int) -> np.ndarray:
    """Return the coarse mask at the size of the latents: (..., h, w) bool -> (..., h/f, w/f) bool.

    A latent pixel is filled when any of its pixels is, so that no hole is left outside.
    """
    *leading, height, width = mask.shape
    blocks = mask.reshape(*leading, height // factor, factor, width // factor, factor)
    return np.asarray(blocks.any(axis=(-3, -1)))


def _clipped(boxes: np.ndarray, height: int, width: int) -> np.ndarray:
    boxes = np.asarray(boxes, dtype=np.float64)
    if boxes.size == 0:
        boxes = boxes.reshape(0, 4)
    if boxes.ndim != 2 or boxes.shape[1] != 4 or not np.isfinite(boxes).all():
        raise ConfigError(f"boxes of shape {boxes.shape}: need finite rows of x0, y0, x1, y1")
    clipped = np.clip(boxes, 0.0, np.array([width, height, width, height], dtype=np.float64))
    empty = (clipped[:, 2] <= clipped[:, 0]) | (clipped[:, 3] <= clipped[:, 1])
    if empty.any():
        worst = boxes[empty][0].tolist()
        raise ConfigError(f"box {worst} has no area inside the {width}x{height} image")
    return clipped


def _fill(mask: np.ndarray, box: np.ndarray) -> None:
    """Set the pixels whose centre lies in the box, and at least the one under its middle."""
    x0, y0, x1, y1 = box
    left, top = int(np.ceil(x0 - 0.5)), int(np.ceil(y0 - 0.5))
    right, bottom = int(np.ceil(x1 - 0.5)), int(np.ceil(y1 - 0.5))
    left, top = min(left, int((x0 + x1) / 2)), min(top, int((y0 + y1) / 2))
    mask[top : max(bottom, top + 1), left : max(right, left + 1)] = True
