"""After a warm-up no decoder compiles anything."""

import os
import subprocess
import sys

SCRIPT = """
import numpy as np
from unigs.colormap import Palette, decode
segments = np.zeros((96, 80), np.int32)
segments[10:40, 20:60] = 1
palette = Palette(grid=11)
colormap = palette.encode(segments)
for decoder in ("pdm", "regions", "nearest", "kmeans"):
    decode(colormap, decoder=decoder, palette=palette)
    decode(colormap, decoder=decoder, palette=palette, background=False)
"""


def test_nothing_is_compiled_after_it():
    for command in (["-m", "unigs.colormap.warm_up"], ["-c", SCRIPT]):
        result = subprocess.run(
            [sys.executable, *command], env=os.environ, check=True, capture_output=True, text=True
        )
    assert "compiling" not in result.stderr
