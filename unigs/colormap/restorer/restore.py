"""The trained restorer that comes with the package, and its use on one colormap."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch.nn import functional as F

from unigs.colormap.bins import check_colormap
from unigs.colormap.restorer.network import MULTIPLE, Restorer

WEIGHTS = Path(__file__).with_name("restorer.safetensors")


@cache
def load_restorer(weights: Path = WEIGHTS) -> Restorer:
    """Return the network with the weights of `benchmarks/codec/train_restorer.py`, in float32."""
    restorer = Restorer()
    restorer.load_state_dict({name: value.float() for name, value in load_file(weights).items()})
    return restorer.eval().requires_grad_(False)


@torch.inference_mode()
def restore(colormap: np.ndarray, restorer: Restorer | None = None) -> np.ndarray:
    """Return what `colormap` (h, w, 3) uint8, any size, probably was before it was damaged.

    Borders are repeated up to the next multiple of 8 pixels. The network is that of the package,
    or `restorer`.

    Raises:
        ValueError: a colormap of another shape or type.
    """
    pixels = check_colormap(colormap)
    if pixels.size == 0:
        return pixels
    height, width = pixels.shape[:2]
    low, right = -height % MULTIPLE, -width % MULTIPLE
    values = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255
    values = F.pad(values, (0, right, 0, low), mode="replicate")
    network = load_restorer() if restorer is None else restorer
    result = network(values)[0, :, :height, :width].clamp(0, 1).mul(255).round().byte()
    return np.ascontiguousarray(result.permute(1, 2, 0).numpy())
