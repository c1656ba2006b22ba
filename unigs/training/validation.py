"""Losses on held-out latents, by task and noise level."""

from __future__ import annotations

import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.schedulers.scheduling_ddim import DDIMScheduler

from unigs.config.preset import DiffusionConfig, TrainingConfig
from unigs.latents.stream import MixedStream
from unigs.tasks import TASKS
from unigs.training.batch_errors import batch_errors
from unigs.training.loss import quiet
from unigs.training.step_draws import seeded_generator

LEVELS = (0.25, 0.6, 1.0)


@torch.no_grad()
def validation_losses(
    unet: UNet2DConditionModel,
    scheduler: DDIMScheduler,
    training: TrainingConfig,
    diffusion: DiffusionConfig,
    validation: MixedStream,
) -> dict[str, float]:
    """``validation_loss.TASK.tNN`` on the first batch of `validation`, NN the timestep in percent
    of the last one; always the same noise."""
    batch = validation.batch(0)
    device = next(unet.parameters()).device
    last = scheduler.config["num_train_timesteps"] - 1
    count, channels, height, width = batch["image"].shape
    noise = torch.randn(
        (count, 2 * channels, height, width),
        generator=seeded_generator(training.seed, "validate", 0),
    )
    losses = {}
    for level in LEVELS:
        timesteps = torch.full(batch["task"].shape, round(level * last))
        heard = quiet(noise, batch["task"], timesteps, diffusion, last + 1)
        errors = batch_errors(unet, scheduler, training, batch, timesteps, heard, device).cpu()
        for name in validation.stores:
            mine = batch["task"] == TASKS[name].index
            if mine.any():
                losses[f"validation_loss.{name}.t{round(level * 100)}"] = float(errors[mine].mean())
    return losses
