"""Geometry of image and segments, applied before anything is coloured (colour is location), and
changes of an image's colours."""

from __future__ import annotations

import numpy as np
from PIL import Image

from unigs.io.label_kernels import pick

# Shares of red, green and blue in the grey of a pixel, in thousandths (ITU-R BT.601).
_LUMA = np.array([299, 587, 114], dtype=np.int64)


def resize_and_crop(
    image: np.ndarray,
    segments: np.ndarray,
    size: int,
    rng: np.random.Generator | None = None,
    scale: tuple[float, float] = (1.0, 1.0),
) -> tuple[np.ndarray, np.ndarray]:
    """Crop a square as wide as the shorter side, or a share of it, and scale it to `size`.

    The image is resampled bicubically (antialiased where it shrinks), the segments by nearest
    pixel on the same grid, in whole numbers: no library decides a label.

    Args:
        image: (h, w, 3) uint8.
        segments: (h, w) int32.
        size: side of the square in pixels.
        rng: draws side and position of the crop; if None it is as wide as the shorter side, and
            centred.
        scale: least and largest share of the shorter side that is drawn; nothing is drawn for a
            share of 1.

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
    share = 1.0 if rng is None or scale == (1.0, 1.0) else float(rng.uniform(*scale))
    side = share * min(height, width)
    scaled_height = max(size, round(height * size / side))
    scaled_width = max(size, round(width * size / side))
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


def jitter_colors(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Multiply brightness, then contrast about the mean grey, then saturation about each pixel's
    grey, each by a number drawn from [1 - strength, 1 + strength].

    Args:
        image: (h, w, 3) uint8.
        strength: in [0, 1); three numbers are drawn whatever it is.

    Returns:
        (h, w, 3) uint8, rounded once at the end.
    """
    brightness, contrast, saturation = rng.uniform(1 - strength, 1 + strength, 3)
    # Sums of whole numbers are the same on every machine.
    weighted = (image * _LUMA).sum(axis=2, keepdims=True)
    mean = int(weighted.sum()) / (weighted.size * int(_LUMA.sum()))
    grey = weighted / int(_LUMA.sum())
    changed = (image - grey) * saturation + (grey - mean)
    return np.clip(np.rint((changed * contrast + mean) * brightness), 0, 255).astype(np.uint8)


def _nearest(offset: int, size: int, full: int, scaled: int) -> np.ndarray:
    """Return the pixel of `full` under the middle of each of `size` pixels of `scaled`, from
    `offset`."""
    return (2 * (offset + np.arange(size)) + 1) * full // (2 * scaled)


def _offset(slack: int, rng: np.random.Generator | None) -> int:
    return slack // 2 if rng is None else int(rng.integers(slack + 1))
