"""The error of a UNet on a batch of latents, sample by sample, and its gradient."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from torch import Tensor, nn

from unigs.config.preset import TrainingConfig
from unigs.errors import ModelError
from unigs.io.device import is_out_of_memory, memory_reason
from unigs.io.distributed import rank_and_world, summed
from unigs.io.machine import autocast, machine
from unigs.models.unet import join_inputs
from unigs.tasks import TASKS
from unigs.training.fsdp import gradient_exchange
from unigs.training.loss import add_noise, loss_weights, weighted_error
from unigs.training.step_draws import StepDraws

logger = logging.getLogger(__name__)


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
    if not training.colormap_half:
        colormap = torch.zeros_like(colormap)
    inputs = join_inputs(image, colormap, batch["coarse"], batch["control"])
    # Before the model, since the processor waits for an accelerator where it copies tables to it.
    weights = loss_weights(batch["task"], batch["valid"], batch["balance"], training)
    last = timesteps == scheduler.config["num_train_timesteps"] - 1
    charbonnier = last & (training.colormap_loss == "charbonnier")
    # The layout of the input is that of all activations.
    inputs = inputs.contiguous(memory_format=machine(device).convolution_format)
    with autocast(training.precision, device):
        prediction = model(inputs, timesteps, batch["text"], class_labels=batch["task"]).sample
    return weighted_error(prediction, target, weights, charbonnier)


def task_losses(errors: Tensor, task: Tensor, names: Iterable[str]) -> dict[str, float]:
    """Return ``loss.<task>``, the mean error of the batch's samples of a task, of all processes of
    the group; tasks without a sample are left out. Every process must call this.

    Args:
        errors: (n,) of this process's share. task: (n,) int64 indices.
        names: of the tasks, the same in all processes.
    """
    tasks = list(names)
    mine = [errors[task == TASKS[name].index].double() for name in tasks]
    found = summed([float(one.sum()) for one in mine] + [float(len(one)) for one in mine])
    parts = zip(tasks, found[: len(tasks)], found[len(tasks) :], strict=True)
    return {f"loss.{name}": total / count for name, total, count in parts if count}


def more_parts(count: int, now: int) -> int | None:
    """Return in how many equal parts a batch of `count` is taken after memory ran out with `now`:
    the next number of at least twice as many; None where single samples did not fit."""
    return next((n for n in range(2 * now, count + 1) if count % n == 0), None)


@dataclass
class Accumulation:
    """The gradient of a batch, in equal parts that are taken one after the other.

    Attributes:
        parts: doubled, or more where only that divides the batch, when the device runs out of
            memory: the gradient stays that of the whole batch.
    """

    model: nn.Module
    scheduler: DDIMScheduler
    training: TrainingConfig
    device: torch.device
    scaler: torch.amp.GradScaler
    parts: int

    def gradient(self, batch: dict[str, Tensor], drawn: StepDraws) -> Tensor:
        """Leave the gradient of the mean error in the parameters, whose gradients are unset; return
        (n,) errors on the device.

        Raises:
            ModelError: out of memory with a single sample, or in a group of processes.
        """
        while True:
            try:
                return torch.cat([self._add(batch, drawn, number) for number in range(self.parts)])
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                reason = memory_reason(error)
            # After the handler: the error's traceback held the activations.
            self._take_smaller_parts(len(drawn.timesteps), reason)

    def _add(self, batch: dict[str, Tensor], drawn: StepDraws, number: int) -> Tensor:
        size = len(drawn.timesteps) // self.parts
        part = slice(number * size, (number + 1) * size)
        mine = {name: value[part] for name, value in batch.items()}
        timesteps, noise = drawn.timesteps[part], drawn.noise[part]
        with gradient_exchange(self.model, now=number == self.parts - 1):
            errors = batch_errors(
                self.model, self.scheduler, self.training, mine, timesteps, noise, self.device
            )
            self.scaler.scale(errors.mean() / self.parts).backward()
        return errors.detach()

    def _take_smaller_parts(self, count: int, reason: str) -> None:
        size = count // self.parts
        more = more_parts(count, self.parts)
        if more is None:
            raise ModelError(
                f"out of memory with {size} sample{'s' * (size > 1)} at a time: {reason}",
                hint="set training.gradient_checkpointing, precision bf16, or lora_rank",
            )
        if rank_and_world()[1] > 1:
            # The others may have exchanged a part of their gradients already.
            raise ModelError(
                f"out of memory with {size} samples at a time: {reason}",
                hint=f"set training.accumulation={more} and resume",
            )
        self.parts = more
        self.model.zero_grad(set_to_none=True)
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        logger.warning(
            "out of memory with %d samples at a time (%s): going on with training.accumulation=%d, "
            "%d at a time; the gradient is the same",
            size, reason, self.parts, count // self.parts,
        )  # fmt: skip
