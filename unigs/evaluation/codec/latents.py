"""Reconstruction of a colormap by an autoencoder, as one more distortion."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from unigs.colormap.distortion import Distortion
from unigs.io.files import replacing


def through_autoencoder(
    autoencoder: Any, noise: float = 0.0, cache: Path | None = None, refine_steps: int = 0
) -> Distortion:
    """Encode to latents, refined in `refine_steps` (`encode_colormaps`), add white noise of
    `noise` times their standard deviation, decode.

    The trip takes seconds on a CPU at 512 x 512, with refinement tens of seconds. With a folder
    `cache` its results are cached there as PNG, named by a digest of the weights, the colormap, the
    noise and the refinement, so that another decoder, or a run that was interrupted, need not
    wait for them again.
    """
    import torch

    from unigs.models.autoencoder import decode_latents, weights_digest
    from unigs.models.colormap_latents import REFINEMENT, encode_colormaps

    weights = weights_digest(autoencoder) if cache is not None else ""

    def travel(colormap: np.ndarray, seed: int) -> np.ndarray:
        latents = encode_colormaps(autoencoder, colormap[None], refine_steps)
        if noise:
            draw = np.random.default_rng(seed).standard_normal(tuple(latents.shape), np.float32)
            latents = latents + noise * float(latents.std()) * torch.from_numpy(draw).to(latents)
        return np.asarray(decode_latents(autoencoder, latents)[0])

    def distort(colormap: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        seed = int(rng.integers(2**63)) if noise else 0
        if cache is None:
            return travel(colormap, seed)
        refined = f"{REFINEMENT}-{refine_steps}" if refine_steps else ""
        name = hashlib.sha256(f"{weights} {noise} {seed} {colormap.shape}{refined}".encode())
        name.update(np.ascontiguousarray(colormap).tobytes())
        path = cache / f"{name.hexdigest()}.png"
        if not path.exists():
            with replacing(path) as partial:
                Image.fromarray(travel(colormap, seed)).save(partial, "PNG")
        return np.array(Image.open(path))

    return distort
