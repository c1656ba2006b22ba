"""One evaluation of the UNet during sampling, and the clamping of what is known."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import Tensor

from unigs.models.unet import join_inputs
from unigs.pipeline.initial_noise import Generators
from unigs.tasks import Task


def predict(
    unet: Any,
    latents: Tensor,
    timestep: Tensor,
    coarse: Tensor,
    control: Tensor,
    text: Tensor,
    labels: Tensor | None,
    scale: float,
) -> Tensor:
    """Return the UNet's prediction for both halves, (n, 2C, h', w') float32.

    Args:
        latents: (n, 2C, h', w'), scaled as the scheduler asks.
        coarse: (n, 1, h', w'); control: (n, C, h', w').
        text: (n, L, D), or (2n, L, D) with the empty prompt first: then the prediction moves
            from that of the empty prompt by `scale` times the difference.
        labels: (len(text),) task numbers, None without a task embedding.
    """
    image, colormap = latents.chunk(2, dim=1)
    joined = join_inputs(image, colormap, coarse, control)
    if len(text) == 2 * len(joined):
        joined = torch.cat([joined, joined])
    prediction = unet(
        joined.to(unet.dtype), timestep, text.to(unet.dtype), class_labels=labels
    ).sample.float()
    if len(prediction) == len(latents):
        return prediction
    empty, named = prediction.chunk(2)
    return empty + scale * (named - empty)


def with_known(task: Task, latents: Tensor, known: Tensor) -> Tensor:
    """Return the latents (n, 2C, h', w'), with the half that the task repeats taken from
    `known`."""
    image, colormap = latents.chunk(2, dim=1)
    known_image, known_colormap = known.chunk(2, dim=1)
    return torch.cat(
        [
            image if task.new_image else known_image,
            colormap if task.new_colormap else known_colormap,
        ],
        dim=1,
    )


def step_arguments(scheduler: Any, generator: Generators) -> dict[str, Any]:
    """Return the generator as an argument for the steps of schedulers that draw noise in them."""
    if generator is None or "generator" not in inspect.signature(scheduler.step).parameters:
        return {}
    one = isinstance(generator, torch.Generator)
    return {"generator": generator if one else list(generator)}  # type: ignore[arg-type]
