"""The error of a UNet on a batch of latents, sample by sample."""

from __future__ import annotations

import torch
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from torch import Tensor, nn

from unigs.config.preset import TrainingConfig
from unigs.io.machine import autocast, machine
from unigs.models.unet import join_inputs
from unigs.training.loss import add_noise, loss_weights, weighted_error


def batch_errors(
    model: nn.Module,
    scheduler: DDIMScheduler,
    training: TrainingConfig,
    batch: dict[str, Tensor],
    timesteps: Tensor,
    noise: Tensor,
    device: torch.device,
) -> Tensor:
    """Return (n,) weighted errors on `device`; see `unigs.training.loss.weighted_error`.

    Args:
        batch: as `MixedStream.batch` gives it, on any device.
        timesteps: (n,) int64. noise: (n, 2C, h, w).
    """
    batch = {name: value.to(device, non_blocking=True) for name, value in batch.items()}
    clean = torch.cat([batch["image"], batch["colormap"]], dim=1)
    timesteps = timesteps.to(device)
    noised, target = add_noise(scheduler, clean, noise.to(device, non_blocking=True), timesteps)
    image, colormap = noised.chunk(2, dim=1)
    inputs = join_inputs(image, colormap, batch["coarse"], batch["control"])
    # The layout of the input is that of all activations; weights keep theirs.
    inputs = inputs.contiguous(memory_format=machine(device).convolution_format)
    with autocast(training.precision, device):
        prediction = model(inputs, timesteps, batch["text"], class_labels=batch["task"]).sample
    weights = loss_weights(batch["task"], batch["valid"], batch["balance"], training)
    last = timesteps == scheduler.config["num_train_timesteps"] - 1
    charbonnier = last & (training.colormap_loss == "charbonnier")
    return weighted_error(prediction, target, weights, charbonnier)
