"""How a model is trained again when it has a champion: the `retraining` section of a preset."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from unigs.config.strict import Strict


class RetrainingConfig(Strict):
    """Where a training begins, and what it may take, once there is a champion of the model. The
    first training follows `training` alone.

    Attributes:
        start: `champion` goes on from the champion's weights where these fit, `scratch` does not.
        steps: optimiser steps in place of `training.steps`; null leaves them.
        hours: wall time in place of `training.hours`; null leaves it.
    """

    start: Literal["scratch", "champion"] = "scratch"
    steps: int | None = Field(default=None, ge=1)
    hours: float | None = Field(default=None, gt=0)

    @property
    def changes_nothing(self) -> bool:
        """A training again is as the first."""
        return self == RetrainingConfig()

    @model_validator(mode="after")
    def _one_budget(self) -> RetrainingConfig:
        if self.steps is not None and self.hours is not None:
            raise ValueError("retraining.steps and retraining.hours: give one of them")
        return self
