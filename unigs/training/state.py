"""The complete state of a run, saved to and restored from a checkpoint."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.training_utils import EMAModel

from unigs.config.preset import TrainingConfig
from unigs.io.distributed import rank_and_world
from unigs.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from unigs.training.fsdp import gathered, spread_like
from unigs.training.optimizer import optimizer_tensors, restore_optimizer


@dataclass(frozen=True)
class TrainingState:
    """What changes from step to step, and the folder its checkpoints are in."""

    folder: Path
    unet: UNet2DConditionModel
    ema: EMAModel
    optimizer: Any
    scaler: torch.amp.GradScaler

    def save(self, step: int, loss: float, training: TrainingConfig) -> None:
        """Write a checkpoint of `step`; only the newest ``checkpoints_kept`` stay.

        Every process of a group must call this; process 0 writes.
        """
        ema = self.ema.state_dict()
        shadow = {str(i): value for i, value in enumerate(ema.pop("shadow_params"))}
        tensors = {
            "unet": gathered(self.unet.state_dict()),
            "ema": gathered(shadow),
            "optimizer": gathered(optimizer_tensors(self.optimizer)),
        }
        if rank_and_world()[0] > 0:
            return
        state = {
            "ema": ema,
            "scaler": self.scaler.state_dict(),
            "training": training.model_dump(),
            "loss": loss,
        }
        save_checkpoint(self.folder, Checkpoint(step, tensors, state), training.checkpoints_kept)

    def resume(self) -> int:
        """Resume from the newest complete checkpoint; return its step, 0 if there is none."""
        checkpoint = load_checkpoint(self.folder)
        if checkpoint is None:
            return 0
        weights, shadow = checkpoint.tensors["unet"], checkpoint.tensors["ema"]
        now = self.unet.state_dict()
        self.unet.load_state_dict({n: spread_like(value, now[n]) for n, value in weights.items()})
        # Moments are named by the number of their parameter, as averages are.
        averages = self.ema.shadow_params
        moments = {
            name: spread_like(value, averages[int(name.split(".")[0])])
            for name, value in checkpoint.tensors["optimizer"].items()
        }
        restore_optimizer(self.optimizer, moments)
        self.scaler.load_state_dict(checkpoint.state["scaler"])
        device = next(self.unet.parameters()).device
        taken = [spread_like(shadow[str(i)].to(device), a) for i, a in enumerate(averages)]
        self.ema.load_state_dict(checkpoint.state["ema"] | {"shadow_params": taken})
        return checkpoint.step
