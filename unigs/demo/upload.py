"""Read what people upload: small enough to work on, or a sentence that says what is wrong."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from PIL import Image

from unigs.errors import DataError
from unigs.io.image_file import FORMATS, read_image

MAX_MEGABYTES = 30
MAX_MEGAPIXELS = 50
# Longest side that is worked on: a model of 64 or 512 pixels sees no more of a larger picture, and
# masks, overlays and files of 12 megapixels take a minute.
WORKING_SIDE = 1024


def read_upload(file: str | Path, *, colormap: bool = False) -> np.ndarray:
    """Return an uploaded picture as (h, w, 3) uint8, upright, its longest side `WORKING_SIDE` at
    most.

    Args:
        colormap: make it smaller without mixed colours, which are those of other entities.

    Raises:
        DataError: too large, of another format, or it does not decode; the message names the file
            as people know it, without a folder.
    """
    path = Path(file)
    _check_size(path)
    try:
        pixels = read_image(path)
    except DataError as error:
        raise DataError(
            error.reason, file=path.name, hint=f"give {', '.join(FORMATS)} of a whole photograph"
        ) from error
    height, width = pixels.shape[:2]
    scale = WORKING_SIDE / max(height, width)
    if scale >= 1:
        return pixels
    size = max(1, round(width * scale)), max(1, round(height * scale))
    how = Image.Resampling.NEAREST if colormap else Image.Resampling.LANCZOS
    return np.asarray(Image.fromarray(pixels).resize(size, how))


def _check_size(path: Path) -> None:
    """Look at the size of a file and at its head, before it is decoded."""
    try:
        megabytes = path.stat().st_size / 1e6
    except OSError as error:
        raise DataError("the upload did not arrive", file=path.name, hint="try again") from error
    if megabytes > MAX_MEGABYTES:
        raise DataError(
            f"{megabytes:.0f} MB, at most {MAX_MEGABYTES} MB are taken",
            file=path.name,
            hint="save it smaller",
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path, formats=FORMATS) as image:
                width, height = image.size
    except Image.DecompressionBombError as error:
        raise DataError(
            f"far more than {MAX_MEGAPIXELS} million pixels", file=path.name, hint="save it smaller"
        ) from error
    except Exception:
        # what it is instead is for `read_image` to say
        return
    if width * height > MAX_MEGAPIXELS * 1e6:
        raise DataError(
            f"{width}x{height} pixels, at most {MAX_MEGAPIXELS} million are taken",
            file=path.name,
            hint="save it smaller",
        )
