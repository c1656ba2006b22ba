"""Geometry of image and segments, applied before anything is coloured: colour is location."""

from __future__ import annotations

import numpy as np
from PIL import Image

from unigs.io.label_kernels import pick


def resize_and_crop(
    image: np.ndarray,
    segments: np.ndarray,
    size: int,
    rng: np.random.Generator | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Scale the shorter side to `size` and crop a square.

    The image is resampled bicubically (antialiased where it shrinks), the segments by nearest
    pixel on the same grid, in whole numbers: no library decides a label.

    Args:
        image: (h, w, 3) uint8.
        segments: (h, w) int32.
        size: side of the square in pixels.
        rng: draws the position of the crop along the longer side; centred if None.

    Returns:
        (size, size, 3) uint8 and (size, size) int32.

    Raises:
        ValueError: image and segments differ in size, or `size` is below 1.
    """
    height, width = segments.shape
    if image.shape != (height, width, 3):
        raise ValueError(f"image {image.shape} does not fit segments {segments.shape}")
    if size < 1:
        raise ValueError(f"size must be at least 1, is {size}")
    scaled_height = max(size, round(height * size / min(height, width)))
    scaled_width = max(size, round(width * size / min(height, width)))
    top = _offset(scaled_height - size, rng)
    left = _offset(scaled_width - size, rng)
    if (scaled_height, scaled_width) == (height, width):
        window = np.s_[top : top + size, left : left + size]
        return np.ascontiguousarray(image[window]), np.ascontiguousarray(segments[window])
    # resampling only the box of the crop equals resampling the whole image and cropping it
    across, down = width / scaled_width, height / scaled_height
    box = (left * across, top * down, (left + size) * across, (top + size) * down)
    pixels = Image.fromarray(image).resize((size, size), Image.Resampling.BICUBIC, box)
    rows, columns = (
        _nearest(top, size, height, scaled_height),
        _nearest(left, size, width, scaled_width),
    )
    return np.array(pixels), pick(segments, rows, columns)


def _nearest(offset: int, size: int, full: int, scaled: int) -> np.ndarray:
    """Return the pixel of `full` under the middle of each of `size` pixels of `scaled`, from
    `offset`."""
    return (2 * (offset + np.arange(size)) + 1) * full // (2 * scaled)


def _offset(slack: int, rng: np.random.Generator | None) -> int:
    return slack // 2 if rng is None else int(rng.integers(slack + 1))
