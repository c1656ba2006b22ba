"""Number of steps of a run, and the learning rate of each step."""

from __future__ import annotations

import math

from unigs.config.preset import TrainingConfig
from unigs.latents.stream import MixedStream


def training_steps(training: TrainingConfig, stream: MixedStream) -> int:
    """Return the optimiser steps of a run: `steps`, or epochs of the task that takes longest."""
    if training.steps is not None:
        return training.steps
    longest = max(stream.steps_per_epoch(name) for name in stream.stores)
    epochs = training.epochs if len(stream.stores) > 1 else training.single_task_epochs
    return math.ceil(epochs * longest)


def learning_rate(training: TrainingConfig, step: int, steps: int) -> float:
    """Linear warm-up, then half a cosine down to `final_rate` of the peak."""
    if step < training.warmup_steps:
        return training.learning_rate * (step + 1) / training.warmup_steps
    done = (step - training.warmup_steps) / max(steps - training.warmup_steps, 1)
    share = training.final_rate + (1 - training.final_rate) * (1 + math.cos(math.pi * done)) / 2
    return training.learning_rate * share
