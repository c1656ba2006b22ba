"""Read masks: one rule for files and pictures in memory, used by every interface.

1. Where some pixels are clear (alpha 0) and others are not, the mask is what is not clear, in
   whatever colour it is painted.
2. Else, of an indexed picture (palette) every index but 0 is marked, and so is every pixel but 0
   of a picture with only one other value: 0 and 1, 0 and 255, black and one colour.
3. Else a pixel is marked above half of the range: 127, or 32767 of 16 bits. A colour counts as its
   strongest channel.

A mask that marks nothing is an error that says what was seen. EXIF rotation is obeyed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from unigs.errors import DataError, UnigsError
from unigs.io.image_file import open_image, turned_upright

_WHITE, _BLACK = (255, 255, 255), (0, 0, 0)


def read_mask(path: Path, size: tuple[int, int]) -> np.ndarray:
    """Read the mask in a file.

    Args:
        path: the file, in any format that `read_image` reads.
        size: (h, w) it must have, once turned upright.

    Returns:
        (h, w) bool, True where marked.

    Raises:
        DataError: unreadable, of another size, or nothing is marked; it names the file.
    """
    image = open_image(path)
    if (image.height, image.width) != size:
        raise DataError(
            f"mask is {image.height}x{image.width}, its picture {size[0]}x{size[1]}",
            file=path,
            hint="give a mask of the picture's height and width",
        )
    try:
        return marked(image)
    except UnigsError as error:
        raise DataError(str(error), file=path) from error


def marked(picture: Image.Image | np.ndarray) -> np.ndarray:
    """Return what a picture marks as a mask.

    Args:
        picture: a PIL image, or an array (h, w), (h, w, 1), with alpha (h, w, 2), (h, w, 3) or
            with alpha (h, w, 4), bool or unsigned of 8 or 16 bits; (h, w) of other integers where
            it holds 0 and one other value.

    Returns:
        (h, w) bool.

    Raises:
        DataError: another shape or type, or nothing is marked.
    """
    if isinstance(picture, Image.Image):
        mask, seen = _of_image(picture)
    else:
        mask, seen = _of_array(np.asarray(picture))
    if not mask.any():
        raise DataError(
            f"empty: {seen}",
            hint="paint the region white on black, or on a transparent layer",
        )
    return mask


def painted(layer: Image.Image) -> np.ndarray:
    """Return (h, w) bool: where a transparent layer was painted on, all of it or nothing
    included."""
    return np.asarray(layer.convert("RGBA"))[..., 3] > 0


def _of_image(image: Image.Image) -> tuple[np.ndarray, str]:
    image = turned_upright(image)
    if image.has_transparency_data and not image.mode.startswith("I"):
        found = _of_alpha(np.asarray(image.convert("RGBA"))[..., 3])
        if found is not None:
            return found
    if image.mode == "P" and not _white_is_first(image):
        indices = np.asarray(image)
        return indices > 0, _range(indices)
    if image.mode in ("L", "1") or image.mode.startswith("I"):
        return _of_values(np.asarray(image))
    if image.mode in ("LA", "La"):
        return _of_values(np.asarray(image.convert("LA"))[..., 0])
    return _of_values(np.asarray(image.convert("RGB")).max(axis=2))


def _white_is_first(image: Image.Image) -> bool:
    """Return whether a palette holds white as index 0 and black behind it, as some optimisers write
    it."""
    colors = np.array(image.getpalette("RGB")).reshape(-1, 3)
    used = [colors[i] for i in np.unique(np.asarray(image)).tolist() if i < len(colors)]
    blackened = any(tuple(color.tolist()) == _BLACK for color in used)
    return blackened and len(colors) > 0 and tuple(colors[0].tolist()) == _WHITE


def _of_array(array: np.ndarray) -> tuple[np.ndarray, str]:
    if array.ndim not in (2, 3) or not array.size or (array.ndim == 3 and array.shape[2] > 4):
        raise DataError(f"shape {array.shape} is no mask", hint="give an (h, w) bool array")
    if array.dtype.kind not in "bui":
        raise DataError(
            f"values of type {array.dtype} are no mask", hint="give an (h, w) bool array"
        )
    if array.ndim == 2:
        return _of_values(array)
    if array.shape[2] in (2, 4):
        found = _of_alpha(array[..., -1])
        if found is not None:
            return found
        array = array[..., :-1]
    return _of_values(array.max(axis=2))


def _of_alpha(alpha: np.ndarray) -> tuple[np.ndarray, str] | None:
    """None where no pixel is clear: such an alpha says nothing."""
    return None if alpha.min() > 0 else (alpha > 0, "every pixel is transparent")


def _of_values(values: np.ndarray) -> tuple[np.ndarray, str]:
    if values.dtype == np.bool_:
        return values, "every pixel is 0"
    least, most = int(values.min()), int(values.max())
    if least == 0 and bool(np.all((values == 0) | (values == most))):
        return values > 0, _range(values)
    if least == most:
        return values > 0, _range(values)
    bits = 8 * values.dtype.itemsize
    if values.dtype.kind == "i" and least >= 0 and most <= 0xFFFF:
        # 16-bit files that Pillow opens with 32 bits
        bits = 16
    elif values.dtype.kind != "u" or bits > 16:
        raise DataError(
            f"values of type {values.dtype} from {least} to {most} are no mask",
            hint="give an (h, w) bool array",
        )
    half = (1 << bits - 1) - 1
    return values > half, f"{_range(values)}, half of the range is {half}"


def _range(values: Any) -> str:
    least, most = int(values.min()), int(values.max())
    return f"every pixel is {most}" if least == most else f"values from {least} to {most}"
