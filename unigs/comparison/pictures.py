"""Pictures inside the page: photographs small, masks pixel by pixel."""

from __future__ import annotations

import base64
import colorsys
import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from unigs.io.image_file import read_image

# Of photographs: larger ones are shown smaller, so that 200 images fit the page's 5 MB.
LARGEST_SIDE = 128
_QUALITY = 70
# Steps of the golden ratio keep the hues of neighbouring labels apart.
_HUE_STEP = 0.618034


def photograph(pixels: NDArray[np.uint8] | Path) -> str:
    """Return (h, w, 3) uint8 or a file as a WebP data URI, no side longer than 128 pixels."""
    image = Image.fromarray(read_image(pixels) if isinstance(pixels, Path) else pixels)
    image.thumbnail((LARGEST_SIDE, LARGEST_SIDE))
    stream = io.BytesIO()
    image.save(stream, "WEBP", quality=_QUALITY)
    return _uri("webp", stream)


def entities(labels: NDArray[np.int32]) -> str:
    """Return (h, w) labels as a PNG data URI: a colour each, 0 transparent, every pixel its own."""
    present = [int(label) for label in np.unique(labels) if label > 0][:255]
    table = np.zeros(int(labels.max(initial=0)) + 1, np.uint8)
    table[present] = np.arange(1, len(present) + 1)
    image = Image.fromarray(table[np.maximum(labels, 0)])
    colors = [(0, 0, 0), *(_color(number) for number in range(len(present)))]
    image.putpalette([value for color in colors for value in color])
    stream = io.BytesIO()
    image.save(stream, "PNG", optimize=True, transparency=0)
    return _uri("png", stream)


def _color(number: int) -> tuple[int, int, int]:
    hue = number * _HUE_STEP % 1
    red, green, blue = colorsys.hls_to_rgb(hue, 0.5 + 0.12 * (number % 2), 0.75)
    return round(255 * red), round(255 * green), round(255 * blue)


def _uri(kind: str, stream: io.BytesIO) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(stream.getvalue()).decode()}"
