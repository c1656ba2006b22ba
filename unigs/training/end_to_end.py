"""End-to-end fine-tuning of the segmentation tasks, as G. Martin Garcia et al. (2024) tune depth
estimators: one step from the last timestep without noise, and the loss on what the autoencoder
decodes from it.

What counts is the colormap that the decoder of masks will read. A latent's error says little of
it where the autoencoder is not linear. Where it is (`PatchAutoencoder` with natural energy),
squares in latents and in pixels are the same up to a factor, and only lengths (`colormap_median`)
differ: by pixel instead of by latent cell.
"""

from __future__ import annotations

from typing import Any

import torch
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from torch import Tensor
from torch.nn import functional as F

from unigs.config.preset import DiffusionConfig, TrainingConfig
from unigs.errors import ConfigError
from unigs.models.autoencoder import decoded_values
from unigs.tasks import SEGMENTATION, TASKS
from unigs.training.loss import clean_estimate, soft_length

_CHOSEN = [name in SEGMENTATION for name in TASKS]


class EndToEnd:
    """When the phase begins, what its steps draw, and the autoencoder that decodes.

    Args:
        steps: of the whole run.
        autoencoder: frozen; moved to `device`.

    Raises:
        ConfigError: ``training.end_to_end`` without an autoencoder.
    """

    def __init__(
        self,
        training: TrainingConfig,
        diffusion: DiffusionConfig,
        steps: int,
        autoencoder: Any,
        device: torch.device,
    ) -> None:
        self.first = steps - round(training.end_to_end * steps)
        self.before = diffusion
        always = dict.fromkeys(SEGMENTATION, 1.0)
        self.within = diffusion.model_copy(
            update={"terminal_share": diffusion.terminal_share | always}
        )
        self.autoencoder = autoencoder
        if self.first == steps:
            return
        if autoencoder is None:
            raise ConfigError("training.end_to_end: training got no autoencoder to decode with")
        autoencoder.to(device)
        if training.gradient_checkpointing and autoencoder._supports_gradient_checkpointing:
            autoencoder.enable_gradient_checkpointing()

    def at(self, step: int) -> tuple[DiffusionConfig, Any]:
        """What a step draws from, and the autoencoder, or None before the phase."""
        if step < self.first:
            return self.before, None
        return self.within, self.autoencoder


def counts_by_pixels(task: Tensor, last: Tensor) -> Tensor:
    """(B,) bool: samples of the segmentation tasks at the last timestep."""
    return torch.tensor(_CHOSEN, device=task.device)[task] & last


def pixel_errors(
    prediction: Tensor,
    noised: Tensor,
    clean: Tensor,
    timesteps: Tensor,
    weight: Tensor,
    median: bool,
    scheduler: DDIMScheduler,
    autoencoder: Any,
) -> Tensor:
    """(B,) weighted errors of the colormap that one step from `noised` decodes to, against what
    the autoencoder makes of the true latents; values in [-1, 1].

    Args:
        prediction, noised, clean: (B, C, h, w), the colormap halves.
        weight: (B, 1, h, w), of the cells.
        median: errors count by their length instead of their square.
    """
    with torch.no_grad():
        wanted = decoded_values(autoencoder, clean)
    found = clean_estimate(scheduler, prediction.float(), noised, timesteps)
    square = (decoded_values(autoencoder, found) - wanted).square().mean(dim=1, keepdim=True)
    error = soft_length(square) if median else square
    return (error * F.interpolate(weight, size=error.shape[2:])).mean(dim=(1, 2, 3))
