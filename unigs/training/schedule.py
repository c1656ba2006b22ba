"""Number of steps of a run, by itself or by a budget of time, and the learning rate of each."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path

from unigs.config.preset import TrainingConfig
from unigs.io.distributed import gathered, rank_and_world
from unigs.io.files import replacing
from unigs.latents.stream import MixedStream

# In the folder of a training: the steps it settled on, which a resumed one keeps.
BUDGET = "budget.json"
# The first steps of a process compile and warm up; the rate is that of the ones after.
WARMING_STEPS, MEASURED_STEPS = 2, 20


def training_steps(training: TrainingConfig, stream: MixedStream) -> int:
    """Return the optimiser steps of a run: `steps`, or epochs of the task that takes longest."""
    if training.steps is not None:
        return training.steps
    longest = max(stream.steps_per_epoch(name) for name in stream.stores)
    epochs = training.epochs if len(stream.stores) > 1 else training.single_task_epochs
    return math.ceil(epochs * longest)


def learning_rate(training: TrainingConfig, step: int, steps: int) -> float:
    """Return the learning rate of a step, counted from 0: linear warm-up, then half a cosine down
    to `final_rate` of the peak.

    A function of the step, not a scheduler of torch's, whose state a checkpoint would have to hold:
    `TimeBudget` may settle on another number of steps while the training runs.
    """
    if step < training.warmup_steps:
        return training.learning_rate * (step + 1) / training.warmup_steps
    done = (step - training.warmup_steps) / max(steps - training.warmup_steps, 1)
    share = training.final_rate + (1 - training.final_rate) * (1 + math.cos(math.pi * done)) / 2
    return training.learning_rate * share


class TimeBudget:
    """The steps of a run that has `hours`; without, it changes nothing.

    A cosine of learning rates needs to know its end, so that the number of steps is settled once
    and early, and is not a watch that ends the training in the middle of it. What validations and
    checkpoints take comes on top.

    Args:
        hours: of wall time, null for none.
        folder: of the training.
    """

    def __init__(self, hours: float | None, folder: Path) -> None:
        self._hours, self._file = hours, folder / BUDGET
        self._settled = hours is None
        self._taken = 0
        self._began = self._measured_from = time.monotonic()

    def begin(self, steps: int) -> int:
        """Return the steps that this training settled on before it was interrupted, else `steps`.

        Every process of a group must call this.
        """
        if self._hours is None:
            return steps
        self._began = time.monotonic()
        found = gathered(self._known())[0]
        self._settled = found is not None
        return steps if found is None else found

    def after(self, step: int, steps: int) -> int:
        """Return the steps of the run, after `step` of them: as many as fit, once the rate is
        known, and at least those that were taken.

        Every process of a group must call this after each step.
        """
        if self._settled:
            return steps
        now = time.monotonic()
        self._taken += 1
        if self._taken == WARMING_STEPS:
            self._measured_from = now
        if self._hours is None or self._taken < WARMING_STEPS + MEASURED_STEPS:
            return steps
        rate = MEASURED_STEPS / max(now - self._measured_from, 1e-9)
        left = max(self._hours * 3600 - (now - self._began), 0.0)
        fit = gathered(min(steps, step + int(left * rate)))[0]
        if rank_and_world()[0] == 0:
            with replacing(self._file) as partial:
                partial.write_text(json.dumps({"hours": self._hours, "steps": fit}))
        self._settled = True
        return int(fit)

    def metrics(self, steps: int) -> dict[str, float]:
        """Return the steps of the run as a metric, where they are not what the preset says."""
        return {} if self._hours is None else {"steps": float(steps)}

    def _known(self) -> int | None:
        try:
            found = json.loads(self._file.read_text(encoding="utf-8"))
            return int(found["steps"]) if found["hours"] == self._hours else None
        except (OSError, ValueError, KeyError, TypeError):
            return None
