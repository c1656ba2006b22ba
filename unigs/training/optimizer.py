"""The optimiser of a run, its loss scale, and how both are kept in a checkpoint."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from unigs.config.preset import TrainingConfig
from unigs.errors import ConfigError
from unigs.training.muon import Muon


def build_optimizer(parameters: list[nn.Parameter], training: TrainingConfig) -> Any:
    """AdamW, fused, or with 8-bit moments; or Muon.

    Raises:
        ConfigError: bitsandbytes, which has the 8-bit one, is not installed.
    """
    options: dict[str, Any] = {
        "lr": training.learning_rate,
        "betas": training.betas,
        "weight_decay": training.weight_decay,
    }
    if training.optimizer == "adamw":
        return torch.optim.AdamW(parameters, **options, fused=True)
    if training.optimizer == "muon":
        return Muon(parameters, **options)
    try:
        from bitsandbytes.optim import AdamW8bit
    except ImportError as error:
        raise ConfigError(
            "training.optimizer adamw_8bit: bitsandbytes is not installed",
            hint="pip install 'unigs[eight-bit]'",
        ) from error
    return AdamW8bit(parameters, **options)


def build_scaler(training: TrainingConfig, device: torch.device) -> torch.amp.GradScaler:
    """The loss scale of fp16, whose small gradients would vanish without; off otherwise."""
    return torch.amp.GradScaler(device.type, enabled=training.precision == "fp16")


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimiser's moments as named tensors, in the order of its parameters."""
    return dict(_leaves("", optimizer.state_dict()["state"]))


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Put back what `optimizer_tensors` took."""
    # AdamW and Muon keep their step as a tensor, the 8-bit one as a number.
    counts = not isinstance(optimizer, torch.optim.AdamW | Muon)
    state: dict[int, dict[str, Any]] = {}
    for name, value in tensors.items():
        index, *parents, key = name.split(".")
        place = state.setdefault(int(index), {})
        for parent in parents:
            place = place.setdefault(parent, {})
        place[key] = int(value.item()) if counts and key == "step" else value
    optimizer.load_state_dict(
        {"state": state, "param_groups": optimizer.state_dict()["param_groups"]}
    )


def _leaves(path: str, values: dict[Any, Any]) -> Iterator[tuple[str, Tensor]]:
    """The values of nested dictionaries by dotted names; bitsandbytes nests its states."""
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _leaves(f"{path}{key}.", value)
        else:
            yield f"{path}{key}", torch.as_tensor(value)
