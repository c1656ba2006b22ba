"""The error of a UNet on a batch of latents, sample by sample."""

from __future__ import annotations

from typing import Any

import torch
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from torch import Tensor, nn

from unigs.config.preset import TrainingConfig
from unigs.models.unet import join_inputs
from unigs.training.end_to_end import counts_by_pixels, pixel_errors
from unigs.training.loss import add_noise, loss_weights, weighted_error


def batch_errors(
    model: nn.Module,
    scheduler: DDIMScheduler,
    training: TrainingConfig,
    batch: dict[str, Tensor],
    timesteps: Tensor,
    noise: Tensor,
    device: torch.device,
    autoencoder: Any = None,
) -> Tensor:
    """(n,) weighted errors on `device`; see `unigs.training.loss.weighted_error`.

    Args:
        batch: as `MixedStream.batch` gives it, on any device.
        timesteps: (n,) int64. noise: (n, 2C, h, w).
        autoencoder: if given, the colormaps of the segmentation tasks count by their pixels at
            the last timestep (`unigs.training.end_to_end`).
    """
    batch = {name: value.to(device) for name, value in batch.items()}
    clean = torch.cat([batch["image"], batch["colormap"]], dim=1)
    timesteps = timesteps.to(device)
    noised, target = add_noise(scheduler, clean, noise.to(device), timesteps)
    image, colormap = noised.chunk(2, dim=1)
    inputs = join_inputs(image, colormap, batch["coarse"], batch["control"])
    with autocast(training.precision, device):
        prediction = model(inputs, timesteps, batch["text"], class_labels=batch["task"]).sample
    weights = loss_weights(batch["task"], batch["valid"], batch["balance"], training)
    last = timesteps == scheduler.config["num_train_timesteps"] - 1
    median = training.colormap_median
    if autoencoder is None:
        return weighted_error(prediction, target, weights, last & median)
    chosen = counts_by_pixels(batch["task"], last)
    elsewhere = (weights[0], weights[1] * ~chosen[:, None, None, None])
    errors = weighted_error(prediction, target, elsewhere, last & median)
    if not chosen.any():
        return errors
    pixels = pixel_errors(
        prediction.chunk(2, dim=1)[1][chosen],
        colormap[chosen],
        batch["colormap"][chosen],
        timesteps[chosen],
        weights[1][chosen],
        median,
        scheduler,
        autoencoder,
    )
    return errors.index_add(0, chosen.nonzero()[:, 0], pixels / 2)


def autocast(precision: str, device: torch.device) -> torch.autocast:
    """The autocast context of a precision name."""
    if precision == "auto":
        # Emulated bf16 is slower than fp32; only a processor that multiplies it gains.
        native = device.type != "cpu" or torch.cpu._is_avx512_bf16_supported()
        precision = "bf16" if native else "fp32"
    kind = torch.float16 if precision == "fp16" else torch.bfloat16
    return torch.autocast(device.type, kind, enabled=precision != "fp32")
