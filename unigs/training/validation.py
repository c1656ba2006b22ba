"""Validation on held-out latents: losses by task and noise level, and a preview picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from numpy.typing import NDArray
from torch import Tensor

from unigs.config.preset import DiffusionConfig, TrainingConfig
from unigs.latents.stream import MixedStream
from unigs.models.autoencoder import decode_latents
from unigs.models.unet import join_inputs
from unigs.tasks import TASKS
from unigs.training.batch_errors import batch_errors
from unigs.training.loss import apply_zero_initial_noise
from unigs.training.step_draws import step_generator

# Of the last timestep: little noise, much, and the step that segmentation is sampled in.
LEVELS = (0.25, 0.6, 1.0)
PREVIEW_COLUMNS = ("given", "image", "colormap", "true colormap", "true image")
PREVIEW_ROWS = 2
_GAP = 2


@torch.no_grad()
def validation_losses(
    unet: UNet2DConditionModel,
    scheduler: DDIMScheduler,
    training: TrainingConfig,
    diffusion: DiffusionConfig,
    validation: MixedStream,
) -> dict[str, float]:
    """``validation_loss.TASK.tNN`` on the first batches of `validation`, NN the timestep in percent
    of the last one, and ``validation_loss`` (`expected_loss`); always the same noise."""
    device = next(unet.parameters()).device
    last = scheduler.config["num_train_timesteps"] - 1
    found: dict[tuple[str, float], list[Tensor]] = {}
    for number in range(training.validation_batches):
        batch = validation.batch(number)
        count, channels, height, width = batch["image"].shape
        noise = torch.randn(
            (count, 2 * channels, height, width),
            generator=step_generator(training.seed, "validate", number),
        )
        for level in LEVELS:
            timesteps = torch.full(batch["task"].shape, round(level * last))
            start = apply_zero_initial_noise(noise, batch["task"], timesteps, diffusion, last + 1)
            errors = batch_errors(unet, scheduler, training, batch, timesteps, start, device).cpu()
            for name in validation.stores:
                mine = errors[batch["task"] == TASKS[name].index]
                found.setdefault((name, level), []).append(mine)
    joined = {key: torch.cat(parts) for key, parts in found.items()}
    means = {key: float(errors.mean()) for key, errors in joined.items() if len(errors)}
    losses = {
        f"validation_loss.{name}.t{round(level * 100)}": value
        for (name, level), value in means.items()
    }
    return losses | {"validation_loss": expected_loss(means, training, diffusion)}


def expected_loss(
    means: Mapping[tuple[str, float], float], training: TrainingConfig, diffusion: DiffusionConfig
) -> float:
    """Return the loss that training draws on average: of each task by its ratio, of which the last
    timestep has its terminal share and the other levels the rest.

    Args:
        means: (task, level) -> mean error; tasks without a sample are missing.
    """
    total = weights = 0.0
    for task in {name for name, _ in means}:
        terminal = diffusion.terminal_share[task]
        others = [value for (name, level), value in means.items() if name == task and level < 1]
        of_task = terminal * means[task, 1.0] + (1 - terminal) * sum(others) / len(others)
        total += training.ratios[task] * of_task
        weights += training.ratios[task]
    return total / weights


@torch.no_grad()
def preview_picture(
    unet: UNet2DConditionModel,
    scheduler: DDIMScheduler,
    diffusion: DiffusionConfig,
    batch: Mapping[str, Tensor],
    autoencoder: Any,
) -> NDArray[np.uint8]:
    """Draw the result of one sampling step for the first `PREVIEW_ROWS` samples of each task.

    Args:
        batch: as `MixedStream.batch` gives it.
        autoencoder: of the latents.

    Returns:
        (h, w, 3) uint8: a row per sample, the columns as in `PREVIEW_COLUMNS`, white between them.
    """
    rows = [
        row
        for task in TASKS.values()
        for row in (batch["task"] == task.index).nonzero()[:PREVIEW_ROWS, 0].tolist()
    ]
    device = next(unet.parameters()).device
    shown = {name: values[rows].to(device) for name, values in batch.items()}
    sampler = DDIMScheduler.from_config(scheduler.config)
    sampler.set_timesteps(1, device=device)
    count = scheduler.config["num_train_timesteps"]
    timesteps = torch.full((len(rows),), count - 1)
    clean = torch.cat([shown["image"], shown["colormap"]], 1)
    noise = torch.randn(clean.shape, generator=step_generator(0, "preview", 0))
    task = batch["task"][rows]
    start = apply_zero_initial_noise(noise, task, timesteps, diffusion, count).to(device)
    image, colormap = start.chunk(2, dim=1)
    inputs = join_inputs(image, colormap, shown["coarse"], shown["control"])
    predicted = unet(inputs, timesteps.to(device), shown["text"], class_labels=shown["task"]).sample
    found = sampler.step(predicted.float(), int(sampler.timesteps[0]), start).pred_original_sample
    image, colormap = found.chunk(2, dim=1)
    columns = (shown["control"], image, colormap, shown["colormap"], shown["image"])
    pictures = np.stack([decode_latents(autoencoder, column.float()) for column in columns])
    height, width = (side + _GAP for side in pictures.shape[2:4])
    sheet = np.full((len(rows) * height - _GAP, len(columns) * width - _GAP, 3), 255, np.uint8)
    for place, column in enumerate(pictures):
        for row, picture in enumerate(column):
            top, left = row * height, place * width
            sheet[top : top + height - _GAP, left : left + width - _GAP] = picture
    return sheet
