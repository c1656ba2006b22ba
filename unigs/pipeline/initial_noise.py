"""Initial noise of a sampling run, per image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from unigs.config.seeds import checked_seed
from unigs.errors import ConfigError

Generators = torch.Generator | Sequence[torch.Generator] | None


def seeded_generator(seed: Any) -> torch.Generator:
    """Return a generator on the CPU.

    Raises ConfigError for what is no seed (`unigs.config.seeds`).
    """
    return torch.Generator().manual_seed(checked_seed(seed))


def initial_noise(control: Tensor, generator: Generators) -> Tensor:
    """Return standard normal noise (n, 2C, h', w') for control latents (n, C, h', w').

    Args:
        generator: one, drawn from image after image, or one per image: then an image's noise
            does not depend on the batch. They may live on another device than `control`.

    Raises:
        ConfigError: another number of generators than images, or something else.
    """
    count, channels, height, width = control.shape
    generators: list[torch.Generator | None]
    if generator is None or isinstance(generator, torch.Generator):
        generators = [generator] * count
    elif isinstance(generator, Sequence) and all(
        isinstance(one, torch.Generator) for one in generator
    ):
        generators = list(generator)
    else:
        raise ConfigError(
            f"generator: {type(generator).__name__} of something else",
            hint="give torch.Generator().manual_seed(0), or one per image",
        )
    if len(generators) != count:
        raise ConfigError(
            f"generator: {len(generators)} given for a batch of {count}",
            hint="give one, or one per image",
        )
    drawn = []
    for one in generators:
        device = control.device if one is None else one.device
        shape = (2 * channels, height, width)
        drawn.append(torch.randn(shape, generator=one, device=device))
    return torch.stack([noise.to(control.device) for noise in drawn])


def given_noise(latents: Tensor, control: Tensor) -> Tensor:
    """Return latents (n, 2C, h', w') that a call gives, as float32 beside the control latents
    (n, C, h', w'); raise ConfigError where they do not fit."""
    wanted = (len(control), 2 * control.shape[1], *control.shape[2:])
    if not isinstance(latents, Tensor) or latents.shape != wanted:
        raise ConfigError(
            f"latents: shape {tuple(latents.shape)} does not fit the batch"
            if isinstance(latents, Tensor)
            else f"latents: {type(latents).__name__} is no tensor",
            hint=f"give {wanted}",
        )
    return latents.to(control.device, torch.float32)
