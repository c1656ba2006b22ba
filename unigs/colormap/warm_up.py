"""Compile all kernels into their cache, so that the first colormap does not wait for them.

``python -m unigs.colormap.warm_up`` does it, as ``make install`` does.
"""

from __future__ import annotations

import logging
import time

import numpy as np

from unigs.colormap.decoders import decode
from unigs.colormap.distortion import add_noise
from unigs.colormap.palette import Palette
from unigs.io.label_kernels import count_inside, pick
from unigs.io.pool import processes

SIDE = 64


def _example(seed: int) -> np.ndarray:
    """A colormap (SIDE, SIDE, 3) uint8 of four areas and four small entities, with noise."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    segments = ((rows >= SIDE // 3) + 2 * (columns >= SIDE // 2)).astype(np.int32)
    for label in range(4, 8):
        row, column = rng.integers(2, SIDE - 6, 2)
        segments[row : row + 4, column : column + 3] = label
    return add_noise(8.0)(Palette().encode(segments), rng)


def compile_regions() -> None:
    """Compile the kernels of encoding and of the decoder `regions`."""
    # Some kernels are for what is rare; one of a few examples has it.
    for seed in range(5):
        decode(_example(seed), "regions", Palette())


def compile_others() -> None:
    """Compile the kernels of the other decoders and of drawing samples."""
    decode(np.zeros((SIDE, SIDE, 3), np.uint8), "pdm", Palette())
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
    with processes(len(PARTS), []) as pool:
        list(pool.map(_silently, range(len(PARTS))))
    return time.perf_counter() - started


if __name__ == "__main__":
    print(f"kernels ready after {warm_up():.1f} s")
