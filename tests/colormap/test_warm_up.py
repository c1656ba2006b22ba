"""After a warm-up nothing is compiled any more, whatever the inputs' types."""

import json
import os
import subprocess
import sys

# Besides the plain inputs: other integers, read-only arrays, views, options given as integers.
SCRIPT = """
import json
import numpy as np
from unigs.colormap import Palette, decode
from unigs.colormap.clustering.dichotomy import dichotomy
from unigs.colormap.warm_up import PARTS
from unigs.io.kernels import KERNELS
segments = np.zeros((96, 80), np.int32)
segments[10:40, 20:60] = 1
palette = Palette(grid=11)
colormap = palette.encode(segments)
for dtype in (bool, np.uint8, np.int64):
    palette.encode(segments.astype(dtype))
palette.encode(1000000 * segments.T)
read_only = np.frombuffer(colormap.tobytes(), np.uint8).reshape(colormap.shape)
wide = np.zeros((96, 160, 3), np.uint8)
wide[:, ::2] = colormap
for decoder in ("pdm", "regions", "nearest", "kmeans"):
    for one in (colormap, read_only, wide[:, ::2]):
        decode(one, decoder, palette)
    decode(colormap, decoder, palette, background=False, image=read_only)
noise = np.random.default_rng(0).integers(0, 256, colormap.shape, np.uint8)
decode(noise, "regions", radius=40, flat_step=20, calm=5, tolerance=1, drift=24, gap=20, price=2)
decode(noise, "pdm", palette, delta=10, features="rgb", criterion="squared")
dichotomy(noise, bits=8)
for part in PARTS:
    part()
print(json.dumps({k.py_func.__module__ + k.__name__: len(k.signatures) for k in KERNELS}))
"""


def test_nothing_is_compiled_after_it_and_every_kernel_once():
    for command in (["-m", "unigs.colormap.warm_up"], ["-c", SCRIPT]):
        result = subprocess.run(
            [sys.executable, *command], env=os.environ, check=True, capture_output=True, text=True
        )
    assert "compiling" not in result.stderr
    signatures = json.loads(result.stdout)
    assert len(signatures) > 20
    # A second signature is compiled as long as the first; none is a kernel the warm-up forgets.
    assert set(signatures.values()) == {1}, signatures
