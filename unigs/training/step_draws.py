"""Random draws of a training step: dropped prompts, timesteps and noise."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from unigs.config.preset import DiffusionConfig, TrainingConfig
from unigs.latents.stream import MixedStream
from unigs.training.loss import apply_zero_initial_noise, by_task, choose_timesteps


@dataclass(frozen=True, slots=True, eq=False)
class StepDraws:
    """Of one process's share of a batch of n.

    Attributes:
        dropped: (n,) bool, samples trained with the empty prompt.
        timesteps: (n,) int64.
        noise: (n, 2C, h, w) float32.
    """

    dropped: Tensor
    timesteps: Tensor
    noise: Tensor


def draw_step(
    task: Tensor,
    latent_shape: Sequence[int],
    training: TrainingConfig,
    diffusion: DiffusionConfig,
    count: int,
    step: int,
    rank: int,
    world: int,
) -> StepDraws:
    """Return the draws of a step, from a generator seeded by (seed, step) alone.

    They are made for the whole batch and on the CPU, so that neither the number of processes nor
    the device changes what is learned.

    Args:
        task: (n,) int64, of this process's share.
        latent_shape: (C, h, w).
        count: of training timesteps.
    """
    generator = step_generator(training.seed, "train", step)
    whole = (world * len(task),)
    share = slice(rank * len(task), (rank + 1) * len(task))
    empty = by_task(training.empty_prompt)
    dropped = torch.rand(whole, generator=generator)[share] < empty[task]
    chance = torch.rand(whole, generator=generator)[share]
    uniform = torch.randint(0, count, whole, generator=generator)[share]
    channels, height, width = latent_shape
    noise = torch.randn((*whole, 2 * channels, height, width), generator=generator)[share]
    terminal = by_task(diffusion.terminal_share)
    timesteps = choose_timesteps(task, terminal, uniform, chance, count)
    return StepDraws(
        dropped, timesteps, apply_zero_initial_noise(noise, task, timesteps, diffusion, count)
    )


def prepare_step(
    stream: MixedStream,
    training: TrainingConfig,
    diffusion: DiffusionConfig,
    count: int,
    step: int,
    device: torch.device,
) -> tuple[dict[str, Tensor], StepDraws]:
    """Return this process's share of a step's batch, as `MixedStream.batch` gives it but with
    prompts dropped, and its draws; on the CPU, in page-locked memory where an accelerator is to
    copy from it while it computes."""
    batch = stream.batch(step)
    shape = batch["image"].shape[1:]
    drawn = draw_step(
        batch["task"], shape, training, diffusion, count, step, stream.rank, stream.world
    )
    batch["text"][drawn.dropped] = stream.empty_text
    if device.type == "cuda":
        batch = {name: value.pin_memory() for name, value in batch.items()}
        drawn = replace(drawn, noise=drawn.noise.pin_memory())
    return batch, drawn


def step_generator(seed: int, purpose: str, step: int) -> torch.Generator:
    """Return a CPU generator that depends on the arguments alone."""
    text = f"{seed}/{purpose}/{step}"
    digest = hashlib.sha256(text.encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)
