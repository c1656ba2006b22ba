"""The averaged weights of the best validation so far, and when to stop for want of a better one."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from unigs.config.preset import TrainingConfig
from unigs.training.checkpoint import Checkpoint

GROUP = "best"


class BestWeights:
    """What process 0 keeps of its validations; part of every checkpoint.

    Attributes:
        loss: the least validation loss so far, infinite before the first validation.
        step: of that validation, 0 before the first.
        behind: validations since then.
        weights: the averaged weights of `step`, on the CPU; empty before the first.
    """

    def __init__(self, training: TrainingConfig) -> None:
        self._kept, self._patience = training.keep_best, training.patience
        self.loss, self.step, self.behind = math.inf, 0, 0
        self.weights: list[Tensor] = []

    @property
    def exhausted(self) -> bool:
        """No validation was better for as long as the training is patient."""
        return self._patience is not None and self.behind >= self._patience

    def observe(self, step: int, loss: float, averages: Iterable[Tensor]) -> dict[str, float]:
        """Take note of the validation of a step, whose averages are copied if it is the best.

        Args:
            averages: of the weights, in the order and shapes of the parameters.

        Returns:
            ``best_step``, or nothing where none are kept.
        """
        if not self._kept:
            return {}
        self.behind += 1
        if loss < self.loss:
            self.loss, self.step, self.behind = loss, step, 0
            self.weights = [value.detach().to("cpu", copy=True) for value in averages]
        return {"best_step": float(self.step)}

    @torch.no_grad()
    def copy_to(self, parameters: Iterable[nn.Parameter]) -> bool:
        """Put the best weights into the parameters; False where there are none."""
        if not self.weights:
            return False
        for parameter, value in zip(parameters, self.weights, strict=True):
            parameter.copy_(value)
        return True

    def saved(self) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]]:
        """Return tensors by group and JSON values for a checkpoint; nothing before the first
        validation."""
        if not self.weights:
            return {}, {}
        tensors = {str(number): value for number, value in enumerate(self.weights)}
        state = {"loss": self.loss, "step": self.step, "behind": self.behind}
        return {GROUP: tensors}, {GROUP: state}

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go on from what `saved` gave, if the checkpoint has it."""
        tensors: Mapping[str, Tensor] = checkpoint.tensors.get(GROUP, {})
        if self._kept and tensors:
            state = checkpoint.state[GROUP]
            self.loss, self.step, self.behind = state["loss"], state["step"], state["behind"]
            self.weights = [tensors[str(number)] for number in range(len(tensors))]
