"""The optimiser of a run, its loss scale, and how both are saved in a checkpoint."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from unigs.config.preset import TrainingConfig
from unigs.training.muon import Muon


def build_optimizer(parameters: list[nn.Parameter], training: TrainingConfig) -> Any:
    """AdamW, fused, or Muon."""
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


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return the optimiser's moments as named tensors, in the order of its parameters."""
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
