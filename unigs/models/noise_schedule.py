"""The noise schedule of training and sampling: diffusers' DDIMScheduler as a preset asks for it."""

from __future__ import annotations

from inspect import signature
from typing import Any

from diffusers.schedulers.scheduling_ddim import DDIMScheduler

from unigs.config.preset import DiffusionConfig, Preset
from unigs.errors import ConfigError
from unigs.models.source import component_directory, read_config

SCHEDULER_FILE = "scheduler_config.json"


def complete_schedule(preset: Preset) -> Preset:
    """Return the preset with all arguments of its noise schedule: what `diffusion.scheduler` does
    not say is the checkpoint's own.

    Raises:
        ModelError: the checkpoint has no schedule.
    """
    if preset.checkpoint is None:
        return preset
    folder = component_directory(preset.checkpoint, "scheduler", SCHEDULER_FILE)
    own = read_config(folder, SCHEDULER_FILE)
    # of what another scheduler had, of PNDM for instance, the arguments that DDIM has too
    scheduler: dict[str, Any] = {
        name: own.get(name, argument.default)
        for name, argument in signature(DDIMScheduler).parameters.items()
    }
    # latents are not bounded by 1
    scheduler |= {"clip_sample": False, **preset.diffusion.scheduler}
    diffusion = preset.diffusion.model_copy(update={"scheduler": scheduler})
    return preset.model_copy(update={"diffusion": diffusion})


def build_scheduler(config: DiffusionConfig) -> DDIMScheduler:
    """Return the scheduler of a preset.

    Raises:
        ConfigError: zero terminal SNR with noise prediction, whose target says nothing about
            the image at the last timestep, arguments that DDIMScheduler does not take, or none
            (of a preset whose checkpoint was not asked).
    """
    if not config.scheduler:
        raise ConfigError("diffusion.scheduler is empty", hint="complete it from the checkpoint")
    arguments = dict(config.scheduler)
    if arguments.get("rescale_betas_zero_snr") and arguments.get("prediction_type") == "epsilon":
        raise ConfigError("zero terminal SNR needs prediction_type v_prediction or sample")
    try:
        return DDIMScheduler(**arguments)
    except TypeError as error:
        raise ConfigError(f"diffusion.scheduler: {error}") from error
