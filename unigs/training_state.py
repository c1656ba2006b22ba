"""All that a run needs to go on as if it had never stopped, to and from a checkpoint."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.training_utils import EMAModel

from unigs.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from unigs.configuration import TrainingConfig
from unigs.optimizer import optimizer_tensors, restore_optimizer


@dataclass(frozen=True)
class TrainingState:
    """What changes from step to step, and the folder its checkpoints are in."""

    folder: Path
    unet: UNet2DConditionModel
    ema: EMAModel
    optimizer: Any
    scaler: torch.amp.GradScaler

    def save(self, step: int, loss: float, training: TrainingConfig) -> None:
        """Write a checkpoint of `step`; only the newest ``checkpoints_kept`` stay."""
        ema = self.ema.state_dict()
        tensors = {
            "unet": dict(self.unet.state_dict()),
            "ema": {str(i): value for i, value in enumerate(ema.pop("shadow_params"))},
            "optimizer": optimizer_tensors(self.optimizer),
        }
        state = {
            "ema": ema,
            "scaler": self.scaler.state_dict(),
            "training": training.model_dump(),
            "loss": loss,
        }
        save_checkpoint(self.folder, Checkpoint(step, tensors, state), training.checkpoints_kept)

    def resume(self) -> int:
        """Take up the newest whole checkpoint; its step, 0 if there is none."""
        checkpoint = load_checkpoint(self.folder)
        if checkpoint is None:
            return 0
        self.unet.load_state_dict(checkpoint.tensors["unet"])
        restore_optimizer(self.optimizer, checkpoint.tensors["optimizer"])
        self.scaler.load_state_dict(checkpoint.state["scaler"])
        shadow = checkpoint.tensors["ema"]
        device = next(self.unet.parameters()).device
        self.ema.load_state_dict(
            checkpoint.state["ema"]
            | {"shadow_params": [shadow[str(i)].to(device) for i in range(len(shadow))]}
        )
        return checkpoint.step
