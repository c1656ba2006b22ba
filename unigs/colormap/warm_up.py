"""Compile the codec's kernels into their cache, so that the first colormap does not wait for it.

``python -m unigs.colormap.warm_up`` does it, as ``make install`` does.
"""

from __future__ import annotations

import time

import numpy as np

from unigs.colormap.decoders import DECODERS, decode
from unigs.colormap.palette import Palette

SIDE = 64
# Its kernels are those of `regions`, and its network needs torch.
WITHOUT_KERNELS = ("best",)


def warm_up() -> float:
    """Encode and decode a small colormap with every decoder; the seconds it took."""
    started = time.perf_counter()
    rows, columns = np.mgrid[:SIDE, :SIDE]
    segments = (1 + (rows > SIDE // 2) + 2 * (columns > SIDE // 3)).astype(np.int32)
    palette = Palette(grid=11)
    colormap = palette.encode(segments)
    for decoder in DECODERS:
        if decoder not in WITHOUT_KERNELS:
            decode(colormap, decoder=decoder, palette=palette)
    return time.perf_counter() - started


if __name__ == "__main__":
    print(f"kernels of the codec ready after {warm_up():.1f} s")
