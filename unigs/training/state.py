"""The complete state of a run, saved to and restored from a checkpoint."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import Tensor
from torch.distributed.tensor import DTensor

from unigs.config.preset import TrainingConfig
from unigs.errors import ModelError
from unigs.io.distributed import gathered, rank_and_world
from unigs.training.best_weights import BestWeights
from unigs.training.checkpoint import Checkpoint, CheckpointWriter, load_checkpoint
from unigs.training.fsdp import spread_like, whole_in_first
from unigs.training.optimizer import AveragedWeights, optimizer_tensors, restore_optimizer


@dataclass(frozen=True)
class TrainingState:
    """What changes from step to step, and the folder its checkpoints are in."""

    folder: Path
    unet: UNet2DConditionModel
    ema: AveragedWeights
    optimizer: Any
    scaler: torch.amp.GradScaler
    best: BestWeights
    writer: CheckpointWriter = field(default_factory=CheckpointWriter)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Wait until the last checkpoint is on the disk."""
        self.writer.close()

    def save(self, step: int, loss: float, training: TrainingConfig) -> None:
        """Copy the state of `step` and start writing it; the newest ``checkpoints_kept`` stay.

        Every process of a group must call this; process 0 writes. The writing ends with the block
        of this state at the latest.
        """
        # Before the copy: the one that is being written takes as much memory.
        self.writer.finish()
        ema = self.ema.state_dict()
        shadow = {str(i): value for i, value in enumerate(ema.pop("shadow_params"))}
        tensors = {
            "unet": whole_in_first(self.unet.state_dict()),
            "ema": whole_in_first(shadow),
            "optimizer": whole_in_first(optimizer_tensors(self.optimizer)),
        }
        if rank_and_world()[0] > 0:
            return
        best, best_state = self.best.saved()
        state = {
            **best_state,
            "ema": ema,
            "scaler": self.scaler.state_dict(),
            "training": training.model_dump(),
            "loss": loss,
        }
        checkpoint = Checkpoint(step, tensors | best, state)
        self.writer.write(self.folder, checkpoint, training.checkpoints_kept)

    def resume(self) -> tuple[int, float]:
        """Resume from the newest complete checkpoint; return its step and smoothed loss, 0 and NaN
        if there is none.

        Every process of a group must call this: process 0 chooses the checkpoint.

        Raises:
            ModelError: a process cannot read the checkpoint that process 0 has read.
        """
        # The others may get here while process 0 still writes the last one of a run before.
        rank = rank_and_world()[0]
        newest = load_checkpoint(self.folder) if rank == 0 else None
        step = gathered(newest.step if newest else None)[0]
        if step is None:
            return 0, math.nan
        checkpoint = newest or load_checkpoint(self.folder, step)
        if checkpoint is None:
            raise ModelError(
                f"process {rank} cannot read the checkpoint of step {step} in {self.folder}",
                hint="give the processes one folder that all of them see",
            )
        weights, shadow = checkpoint.tensors["unet"], checkpoint.tensors["ema"]
        now = self.unet.state_dict()
        self.unet.load_state_dict({n: spread_like(value, now[n]) for n, value in weights.items()})
        # Moments are named by the number of their parameter, as averages are.
        averages = self.ema.shadow_params
        moments = {
            name: _like(value, averages[int(name.split(".")[0])])
            for name, value in checkpoint.tensors["optimizer"].items()
        }
        restore_optimizer(self.optimizer, moments)
        self.scaler.load_state_dict(checkpoint.state["scaler"])
        taken = [_like(shadow[str(i)], average) for i, average in enumerate(averages)]
        self.ema.load_state_dict(checkpoint.state["ema"] | {"shadow_params": taken})
        self.best.restore(checkpoint)
        return checkpoint.step, checkpoint.state["loss"]


def _like(value: Tensor, like: Tensor) -> Tensor:
    """Put a whole tensor where `like`, of its shape, is, laid out or spread as that; others (counts
    of steps) stay. Fused optimisers refuse moments in another memory format than the weights'."""
    if value.shape != like.shape:
        return value
    if isinstance(like, DTensor):
        return spread_like(value.to(like.device), like)
    return torch.empty_like(like, dtype=value.dtype).copy_(value)
