"""Decode one colormap or a batch with any decoder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from unigs.colormap.clustering.dichotomy import decode_dichotomy
from unigs.colormap.clustering.kmeans import decode_kmeans
from unigs.colormap.decoded import Decoded
from unigs.colormap.nearest import decode_nearest
from unigs.colormap.palette import Palette
from unigs.colormap.region_decoder.decode import decode_regions
from unigs.colormap.restorer.best_decoder import decode_best

DECODERS: dict[str, Callable[..., Decoded]] = {
    "pdm": decode_dichotomy,
    "kmeans": decode_kmeans,
    "nearest": decode_nearest,
    "regions": decode_regions,
    "best": decode_best,
}
DEFAULT_DECODER = "regions"
GUIDED = ("nearest", "regions", "best")


def decode(
    colormap: np.ndarray,
    decoder: str = DEFAULT_DECODER,
    palette: Palette | None = None,
    background: bool = True,
    image: np.ndarray | None = None,
    **options: Any,
) -> Decoded:
    """Return the entities of `colormap` (h, w, 3) uint8.

    Args:
        decoder: a name of `DECODERS`; `options` are its own keyword arguments.
        palette: the palette the colormap was painted or predicted with, if known.
        background: black means nothing (referring, inpainting); False where the entities tile
            the image and every region is one (entity task).
        image: (h, w, 3) uint8, the photograph, in tasks where it is known: `regions`,
            `best` and `nearest` let boundaries follow its edges, the others do without.

    Raises:
        ValueError: unknown decoder, or a colormap or image of another shape or type.
        TypeError: an option the decoder does not have.
    """
    if decoder not in DECODERS:
        raise ValueError(f"decoder must be one of {', '.join(DECODERS)}, not {decoder!r}")
    if image is not None and decoder in GUIDED:
        options["image"] = image
    return DECODERS[decoder](colormap, palette=palette, background=background, **options)


def decode_batch(
    colormaps: Iterable[np.ndarray],
    decoder: str = DEFAULT_DECODER,
    palette: Palette | None = None,
    background: bool = True,
    images: Iterable[np.ndarray] | None = None,
    *,
    threads: int | None = None,
    **options: Any,
) -> list[Decoded]:
    """`decode` of every colormap (n, h, w, 3), on `threads` threads (all cores if None).

    `images` (n, h, w, 3) are the photographs, one per colormap, if they are known. The kernels hold
    no GIL, so threads scale; the order of the results is that of the input.
    """
    workers = threads or len(os.sched_getaffinity(0))

    pairs: Iterable[tuple[np.ndarray, np.ndarray | None]]
    if images is None:
        pairs = ((colormap, None) for colormap in colormaps)
    else:
        pairs = zip(colormaps, images, strict=True)

    def one(pair: tuple[np.ndarray, np.ndarray | None]) -> Decoded:
        return decode(pair[0], decoder, palette, background, pair[1], **options)

    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(one, pairs))
