"""Read image files as 8-bit RGB: one rule for every interface.

Read are JPEG, PNG, WebP, BMP and TIFF, recognised by content, not by suffix; of several
frames the first. Conversions: grey, palette and CMYK images become RGB, alpha is dropped, 16-bit
samples keep their high byte. Refused: other formats, floating-point images, more pixels than
`PIL.Image.MAX_IMAGE_PIXELS`, anything that does not decode to its last byte.

A photograph whose EXIF record says that it has to be turned is read upright, as people see it.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import ExifTags, Image

from unigs.errors import DataError, UnreadableError
from unigs.io.side_files import files_below

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF")
# what listings of folders take for an image; reading one asks its content alone
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "I", "I;16", "I;16B")
# EXIF orientations 5 to 8 turn by a quarter
_QUARTER_TURNS = range(5, 9)
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# where Pillow looks for an orientation
_EXIF_PLACES = ("exif", "Raw profile type exif", "xmp", "XML:com.adobe.xmp")


class ImageSize(NamedTuple):
    """Height and width in pixels as stored, and the EXIF orientation: 1 to 8, 1 is upright."""

    height: int
    width: int
    orientation: int

    @property
    def stored(self) -> tuple[int, int]:
        """(h, w) of the pixels as the file holds them."""
        return self.height, self.width

    @property
    def upright(self) -> tuple[int, int]:
        """(h, w) once turned as the EXIF record says."""
        return self.stored[::-1] if self.orientation in _QUARTER_TURNS else self.stored


def read_image(
    path: Path, expected_size: tuple[int, int] | None = None, upright: bool = True
) -> np.ndarray:
    """Read an image file.

    Args:
        path: the file.
        expected_size: (h, w) it must have, once turned.
        upright: turn it as its EXIF record says; False: the pixels as stored.

    Returns:
        (h, w, 3) uint8 RGB.

    Raises:
        DataError: missing, unreadable, not accepted or of another size.
    """
    image = _decode(read_bytes(path), path)
    if upright:
        image = turned_upright(image)
    if expected_size is not None and (image.height, image.width) != expected_size:
        height, width = expected_size
        raise DataError(
            f"image is {image.height}x{image.width}, expected {height}x{width}",
            file=path,
            hint="the file changed after it was indexed: build the scenes index again",
        )
    return np.asarray(_eight_bits(image, path).convert("RGB"))


def open_image(path: Path) -> Image.Image:
    """Read an image file in its own mode, for readers to whom alpha or indices mean something.

    Returns:
        The decoded image, upright.

    Raises:
        DataError: missing, unreadable or not accepted.
    """
    return turned_upright(_decode(read_bytes(path), path))


def turned_upright(image: Image.Image) -> Image.Image:
    """A loaded image turned as its EXIF record says, and without that record if it was turned.

    `PIL.ImageOps.exif_transpose` writes the rest of the record anew, which fails for many of those
    that cameras and editors leave.
    """
    orientation = _orientation(image)
    if orientation == 1:
        return image
    turned = image.transpose(_TURNS[orientation])
    for place in _EXIF_PLACES:
        turned.info.pop(place, None)
    return turned


def read_bytes(path: Path) -> bytes:
    """Return the bytes of a file that is there and holds something.

    Raises:
        UnreadableError: it is not there, or reading failed.
        DataError: it is empty.
    """
    try:
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UnreadableError(f"cannot be read: {reason}", file=path) from error
    if not data:
        raise DataError("file is empty", file=path)
    return data


def verified_size(data: bytes, path: Path) -> ImageSize:
    """Check that an image decodes to its end; raise DataError otherwise.

    Args:
        data: the bytes of the file.
        path: where they come from, for the message.
    """
    image = _open(data, path)
    height, width = image.height, image.width
    # at 1/8 scale libjpeg still reads the whole file, so truncation shows at a fraction of the cost
    image.draft(image.mode, (max(1, width // 8), max(1, height // 8)))
    _load(image, path)
    return ImageSize(height, width, _orientation(image))


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


def image_files(folder: Path, below: bool = True) -> Iterator[Path]:
    """Yield the image files among `files_below` of a folder: those of the `SUFFIXES`."""
    return (path for path in files_below(folder, below) if path.name.lower().endswith(SUFFIXES))


def _open(data: bytes, path: Path) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = Image.open(io.BytesIO(data), formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise DataError("decompression bomb: too many pixels", file=path) from error
    except Exception as error:
        raise DataError("not a readable JPEG, PNG, WebP, BMP or TIFF image", file=path) from error
    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and image.width * image.height > limit:
        raise DataError(
            f"decompression bomb: {image.width}x{image.height} pixels, limit {limit}", file=path
        )
    if image.mode == "F":
        raise DataError("floating-point image", file=path)
    if image.mode not in _MODES:
        raise DataError(f"image of the kind {image.mode}, which has no RGB form", file=path)
    return image


def _load(image: Image.Image, path: Path) -> None:
    # on broken files the plugins raise unrelated types: OSError, SyntaxError, struct.error, ...
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image.load()
    except Exception as error:
        raise DataError(f"does not decode: {error}", file=path) from error


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation of a loaded image; 1 where the record is missing, broken or
    obeyed.

    Pillow itself turns a TIFF while it loads it, and then says so by leaving out the orientation.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:
        # a broken record is no reason to lose the image
        return 1
    return orientation if orientation in range(1, 9) else 1


def _decode(data: bytes, path: Path) -> Image.Image:
    image = _open(data, path)
    _load(image, path)
    return image


def _eight_bits(image: Image.Image, path: Path) -> Image.Image:
    if not image.mode.startswith("I"):
        return image
    values = np.asarray(image).astype(np.int64)
    if values.min() < 0 or values.max() > 0xFFFF:
        raise DataError("image of 32 bits a sample", file=path)
    return Image.fromarray((values >> 8).astype(np.uint8))
