"""The noise process of training: timesteps, targets and the weighted loss (Eq. 1 and 2)."""

from __future__ import annotations

from typing import Any

import torch
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from torch import Tensor

from unigs.config.preset import DiffusionConfig, TrainingConfig
from unigs.errors import ConfigError
from unigs.tasks import TASKS

# Below this root mean square error the Charbonnier loss is quadratic, so that the gradient is
# smooth at zero.
CHARBONNIER_EPSILON = 0.1


def by_task(values: dict[str, Any]) -> Tensor:
    """One float32 value per task, in the order of `TASKS`, to be indexed by task numbers."""
    return torch.tensor([float(values[name]) for name in TASKS])


def choose_timesteps(
    task: Tensor, terminal_share: Tensor, uniform: Tensor, chance: Tensor, count: int
) -> Tensor:
    """Return (B,) int64 timesteps: the last one with the task's `terminal_share`, else uniform.

    Segmentation is close to regression, since the image is known: most of what is learned
    there is learned at the last timestep, where one sampling step starts.

    Args:
        task: (B,) int64. terminal_share: (tasks,).
        uniform: (B,) int64 drawn below `count`. chance: (B,) drawn in [0, 1).
        count: of training timesteps.
    """
    return torch.where(chance < terminal_share[task], torch.full_like(uniform, count - 1), uniform)


def apply_zero_initial_noise(
    noise: Tensor, task: Tensor, timesteps: Tensor, config: DiffusionConfig, count: int
) -> Tensor:
    """`noise` (B, 2C, h, w), zero for `zero_initial_noise` tasks at the last timestep."""
    chosen = torch.tensor([name in config.zero_initial_noise for name in TASKS])[task]
    silent = chosen & (timesteps == count - 1)
    return torch.where(silent[:, None, None, None], torch.zeros_like(noise), noise)


def add_noise(
    scheduler: DDIMScheduler, clean: Tensor, noise: Tensor, timesteps: Tensor
) -> tuple[Tensor, Tensor]:
    """Return noised latents (Eq. 1) and what the UNet shall predict from them, both like `clean`.

    Args:
        clean, noise: (B, 2C, h, w) float32, the image half first.
        timesteps: (B,) int64.

    Raises:
        ConfigError: a prediction type other than epsilon, v_prediction or sample.
    """
    noised = scheduler.add_noise(clean, noise, timesteps)
    kind = scheduler.config["prediction_type"]
    if kind == "epsilon":
        return noised, noise
    if kind == "v_prediction":
        return noised, scheduler.get_velocity(clean, noise, timesteps)
    if kind == "sample":
        return noised, clean
    raise ConfigError(f"prediction_type {kind!r}: give epsilon, v_prediction or sample")


_NEW_IMAGE = [task.new_image for task in TASKS.values()]
_NEW_COLORMAP = [task.new_colormap for task in TASKS.values()]


def loss_weights(
    task: Tensor, valid: Tensor, balance: Tensor, config: TrainingConfig
) -> tuple[Tensor, Tensor]:
    """Return the weights of the image half and of the colormap half, (B, 1, h, w) each or
    broadcastable.

    A half that only repeats what is known (Table 2) weighs `known_half_weight`; the colormap
    weighs `colormap_weight` times the image, small entities more (`entity_balance`; in the image
    only where it is new), and places without truth (`Sample.valid`) weigh nothing in it.

    Args:
        task: (B,) int64. valid: (B, 1, h, w) in [0, 1]. balance: (B, 1, h, w), at least 1.
    """

    def of_task(values: list[bool]) -> Tensor:
        return torch.tensor(values, device=task.device)[task][:, None, None, None]

    def half(new: list[bool]) -> Tensor:
        return torch.where(of_task(new), 1.0, config.known_half_weight)

    image = half(_NEW_IMAGE)
    colormap = half(_NEW_COLORMAP) * valid * config.colormap_weight * config.colormap_half
    if not config.entity_balance:
        return image, colormap
    return image * torch.where(of_task(_NEW_IMAGE), balance, 1.0), colormap * balance


def charbonnier_loss(square: Tensor) -> Tensor:
    """Return the Charbonnier (pseudo-Huber) loss of mean squared errors: their root, but near zero
    a square (P. Charbonnier et al., 1994).

    Args:
        square: squared errors, at least 0, of any shape, which the result has too.
    """
    return (square + CHARBONNIER_EPSILON**2).sqrt() - CHARBONNIER_EPSILON


def weighted_error(
    prediction: Tensor, target: Tensor, weights: tuple[Tensor, Tensor], charbonnier: Tensor
) -> Tensor:
    """Return (B,) weighted mean squared error (Eq. 2 up to the factor), image and colormap half
    alike.

    Where `charbonnier` holds, the colormap's error at a place counts by its Charbonnier loss.
    Squared error is minimal at the mean of the colours that a place may have, which is a third
    colour; the Charbonnier loss at their geometric median, which is the likeliest colour.

    Args:
        prediction, target: (B, 2C, h, w), the image half first.
        charbonnier: (B,) bool.
    """
    squared = (prediction.float() - target.float()).square()
    image, colormap = squared.chunk(2, dim=1)
    square = colormap.mean(dim=1, keepdim=True)
    colormap = torch.where(charbonnier[:, None, None, None], charbonnier_loss(square), square)
    return (
        (image * weights[0]).mean(dim=(1, 2, 3)) + (colormap * weights[1]).mean(dim=(1, 2, 3))
    ) / 2
