"""The way of a colormap through an autoencoder and back, as one more distortion."""

from __future__ import annotations

from typing import Any

import numpy as np

from unigs.colormap.distortion import Distortion


def through_autoencoder(autoencoder: Any, noise: float = 0.0) -> Distortion:
    """Encode to latents, add white noise of `noise` times their standard deviation, decode."""
    import torch

    from unigs.models.autoencoder import decode_latents, encode_images

    def distort(colormap: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        latents = encode_images(autoencoder, colormap[None])
        if noise:
            draw = torch.from_numpy(rng.standard_normal(tuple(latents.shape), np.float32))
            latents = latents + noise * float(latents.std()) * draw
        return np.asarray(decode_latents(autoencoder, latents)[0])

    return distort
