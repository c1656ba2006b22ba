"""Compile all kernels into their cache, so that the first colormap does not wait for them.

``python -m unigs.colormap.warm_up`` does it, as ``make install`` does.
"""

from __future__ import annotations

import logging
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np

from unigs.colormap.decoders import decode
from unigs.colormap.distortion import add_noise
from unigs.colormap.palette import Palette
from unigs.io.label_kernels import count_inside, pick

SIDE = 96


def _example(noise: float) -> np.ndarray:
    """Two colours and a small third on black, (SIDE, SIDE, 3) uint8, with so much noise."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    segments = (1 + (rows > SIDE // 2) + 2 * (columns > SIDE // 3)).astype(np.int32)
    segments[rows + columns < SIDE // 2] = 0
    return add_noise(noise)(Palette().encode(segments), np.random.default_rng(0))


def compile_regions() -> None:
    """Compile the kernels of encoding and of the decoder `regions`."""
    for noise in (0, 8, 40):
        decode(_example(noise), "regions", Palette())


def compile_others() -> None:
    """Compile the kernels of the other decoders and of drawing samples."""
    decode(_example(0), "pdm", Palette())
    segments, place = np.zeros((4, 4), np.int32), np.arange(4)
    count_inside(pick(segments, place, place), segments > 0, 1)


PARTS = (compile_regions, compile_others)


def _silently(number: int) -> None:
    # The caller has said it already.
    logging.getLogger("unigs.io.kernels").setLevel(logging.ERROR)
    PARTS[number]()


def warm_up() -> float:
    """Compile every kernel, in two processes at once; the seconds it took."""
    started = time.perf_counter()
    with ProcessPoolExecutor(len(PARTS), get_context("spawn")) as pool:
        list(pool.map(_silently, range(len(PARTS))))
    return time.perf_counter() - started


if __name__ == "__main__":
    print(f"kernels ready after {warm_up():.1f} s")
