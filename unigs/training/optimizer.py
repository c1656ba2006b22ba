"""The optimiser of a run, its loss scale, the average of the weights, and how they are saved."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from diffusers.training_utils import EMAModel
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from unigs.config.preset import TrainingConfig
from unigs.training.muon import Muon


def build_optimizer(parameters: list[nn.Parameter], training: TrainingConfig) -> Any:
    """Return the optimiser that ``training.optimizer`` names: AdamW, fused, or Muon."""
    options: dict[str, Any] = {
        "lr": training.learning_rate,
        "betas": training.betas,
        "weight_decay": training.weight_decay,
    }
    if training.optimizer == "adamw":
        return torch.optim.AdamW(parameters, **options, fused=True)
    return Muon(parameters, **options)


def build_scaler(training: TrainingConfig, device: torch.device) -> torch.amp.GradScaler:
    """Return the loss scale of fp16, whose small gradients would vanish without; off otherwise."""
    return torch.amp.GradScaler(device.type, enabled=training.precision == "fp16")


class AveragedWeights(EMAModel):
    """diffusers' average, whose step takes one pass over the weights and no memory of its own.

    diffusers writes the difference of all weights to their average down and reads it again: five
    passes over memory, and a third copy of the model.
    """

    def step(self, parameters: Iterable[nn.Parameter]) -> None:
        """Move the average towards the weights."""
        if not self.foreach:
            super().step(parameters)
            return
        self.optimization_step += 1
        self.cur_decay_value = self.get_decay(self.optimization_step)
        move = get_ema_multi_avg_fn(self.cur_decay_value)
        move(self.shadow_params, list(parameters), self.optimization_step)


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return the optimiser's moments by ``INDEX.NAME``: the number of the parameter, whose shape
    they have (a count of steps is a scalar), and torch's name of the moment."""
    state = optimizer.state_dict()["state"]
    return {
        f"{index}.{key}": value for index, values in state.items() for key, value in values.items()
    }


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Put back what `optimizer_tensors` took."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        index, key = name.split(".")
        state.setdefault(int(index), {})[key] = value
    optimizer.load_state_dict(
        {"state": state, "param_groups": optimizer.state_dict()["param_groups"]}
    )
