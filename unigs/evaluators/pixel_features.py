"""Features that need no weights: the mean colours of an 8x8 grid."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

GRID = 8


class PixelFeatures:
    """Mean colours as features: layout and colour only, for a first look without a network."""

    name = f"pixels-{GRID}"
    #: Computed sooner than read.
    cache_key = ""

    def embed_images(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Return (n, 192) float32 in [0, 1] of (h, w, 3) uint8 images of any size."""
        rows = [
            np.asarray(Image.fromarray(image).resize((GRID, GRID), Image.Resampling.BOX))
            for image in images
        ]
        values = np.array(rows, np.float32).reshape(len(rows), GRID * GRID * 3)
        return values / np.float32(255)
