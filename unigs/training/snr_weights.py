"""Min-SNR weighting of the loss (Hang et al., 2023, "Efficient diffusion training")."""

from __future__ import annotations

import torch
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from torch import Tensor

from unigs.errors import ConfigError


def min_snr_weights(scheduler: DDIMScheduler, gamma: float) -> Tensor:
    """(T,) float32, the weight of each training timestep's squared error: min(SNR, gamma) for the
    prediction of the clean latent, hence over SNR for that of the noise and over SNR + 1 for v.

    Raises:
        ConfigError: zero terminal SNR, where the weight of the timestep that sampling starts
            from would be 0.
    """
    kept = scheduler.alphas_cumprod.double()
    snr = kept / (1 - kept)
    if not bool((snr > 0).all()):
        raise ConfigError(
            "training.min_snr_gamma with rescale_betas_zero_snr: the last timestep would weigh "
            "nothing",
            hint="set min_snr_gamma to null",
        )
    clipped = snr.clamp(max=gamma)
    kind = scheduler.config["prediction_type"]
    if kind == "epsilon":
        clipped = clipped / snr
    elif kind == "v_prediction":
        clipped = clipped / (snr + 1)
    return clipped.to(torch.float32)
