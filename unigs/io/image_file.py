"""Image files of any kind the data sets hold, read as 8-bit RGB.

Conversions: grey, palette and CMYK images become RGB, alpha is dropped, 16-bit samples keep their
high byte. EXIF rotation is ignored, because annotations refer to the pixels as stored. Refused:
floating-point images, more pixels than `PIL.Image.MAX_IMAGE_PIXELS`, anything that does not decode
to its last byte.
"""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
from PIL import Image

from unigs.errors import DataError

FORMATS = ("JPEG", "PNG")


def read_image(path: Path, expected_size: tuple[int, int] | None = None) -> np.ndarray:
    """Read an image file.

    Args:
        path: the file.
        expected_size: (h, w) it must have.

    Returns:
        (h, w, 3) uint8 RGB.

    Raises:
        DataError: missing, unreadable, refused or of another size.
    """
    image = _decode(read_bytes(path), path)
    if expected_size is not None and (image.height, image.width) != expected_size:
        height, width = expected_size
        raise DataError(
            f"image is {image.height}x{image.width}, expected {height}x{width}",
            file=path,
            hint="the file changed after it was indexed: build the scenes index again",
        )
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))


def read_bytes(path: Path) -> bytes:
    """The bytes of a file that is there and holds something; DataError otherwise."""
    try:
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(f"cannot be read: {reason}", file=path) from error
    if not data:
        raise DataError("file is empty", file=path)
    return data


def verified_size(data: bytes, path: Path) -> tuple[int, int]:
    """Check that an image decodes to its end.

    Args:
        data: the bytes of the file.
        path: where they come from, for the message.

    Returns:
        (h, w) as stored.
    """
    image = _open(data, path)
    height, width = image.height, image.width
    # at 1/8 scale libjpeg still reads the whole file, so truncation shows at a fraction of the cost
    image.draft(image.mode, (max(1, width // 8), max(1, height // 8)))
    _load(image, path)
    return height, width


def decode_labels(data: bytes, path: Path) -> np.ndarray:
    """Decode a PNG whose values are labels, without any conversion of colours.

    Returns:
        (h, w) or (h, w, channels), unsigned integers or bool.
    """
    image = _open(data, path)
    if image.format != "PNG":
        raise DataError(f"label image is {image.format}, expected PNG", file=path)
    _load(image, path)
    return np.asarray(image)


def _open(data: bytes, path: Path) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = Image.open(io.BytesIO(data), formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise DataError("decompression bomb: too many pixels", file=path) from error
    except Exception as error:
        raise DataError("not a readable JPEG or PNG image", file=path) from error
    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and image.width * image.height > limit:
        raise DataError(
            f"decompression bomb: {image.width}x{image.height} pixels, limit {limit}", file=path
        )
    if image.mode == "F":
        raise DataError("floating-point image", file=path)
    return image


def _load(image: Image.Image, path: Path) -> None:
    # on broken files the plugins raise unrelated types: OSError, SyntaxError, struct.error, ...
    try:
        image.load()
    except Exception as error:
        raise DataError(f"does not decode: {error}", file=path) from error


def _decode(data: bytes, path: Path) -> Image.Image:
    image = _open(data, path)
    _load(image, path)
    if image.mode.startswith("I"):
        return Image.fromarray((np.asarray(image).astype(np.uint32) >> 8).astype(np.uint8))
    return image
