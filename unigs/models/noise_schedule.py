"""The noise schedule of training and sampling: diffusers' DDIMScheduler as a preset asks for it."""

from __future__ import annotations

from diffusers.schedulers.scheduling_ddim import DDIMScheduler

from unigs.config.preset import DiffusionConfig
from unigs.errors import ConfigError


def build_scheduler(config: DiffusionConfig) -> DDIMScheduler:
    """Return the scheduler of a preset.

    Raises:
        ConfigError: zero terminal SNR with noise prediction, whose target says nothing about
            the image at the last timestep, or arguments that DDIMScheduler does not take.
    """
    arguments = dict(config.scheduler)
    if arguments.get("rescale_betas_zero_snr") and arguments.get("prediction_type") == "epsilon":
        raise ConfigError("zero terminal SNR needs prediction_type v_prediction or sample")
    try:
        return DDIMScheduler(**arguments)
    except TypeError as error:
        raise ConfigError(f"diffusion.scheduler: {error}") from error
