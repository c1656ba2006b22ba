"""The slow decoder: read the colormap as it is and as it was before the damage."""

from __future__ import annotations

from typing import Any

import numpy as np

from unigs.colormap.decoded import Decoded
from unigs.colormap.palette import Palette
from unigs.colormap.region_decoder.decode import decode_regions
from unigs.colormap.restorer.fusion import fuse


def decode_best(
    colormap: np.ndarray,
    *,
    palette: Palette | None = None,
    background: bool = True,
    image: np.ndarray | None = None,
    **options: Any,
) -> Decoded:
    """Decode `colormap` (h, w, 3) uint8 and its restored version with `decode_regions`; fuse both.

    The restorer is a network trained on drawn segments (`unigs.colormap.restorer`).
    All this takes some thirty times as long as `decode_regions` alone, whose options these are.

    Raises:
        ValueError: a colormap or an image of another shape or type.
    """
    # Torch is slow to import, and the other decoders do without it.
    from unigs.colormap.restorer.restore import restore

    restored, as_it_is = (
        decode_regions(one, palette=palette, background=background, image=image, **options)
        for one in (restore(colormap), colormap)
    )
    return fuse(restored, as_it_is)
