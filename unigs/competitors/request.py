"""What is asked of another model: its files, the samples, and how it draws."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Request"]


@dataclass(frozen=True, slots=True)
class Request:
    """One evaluation of another model.

    Attributes:
        pipeline: its kind, a name of `unigs.competitors.registry.PIPELINES`.
        task: of the samples.
        shards: folder of the samples.
        checkpoint: folder or Hub id of its weights.
        adapter: folder or Hub id of a network that steers the checkpoint.
        predictions: JSON file of what it predicted.
        images: COCO instances JSON that lists the images of `predictions`.
        limit: number of samples; None for all.
        seed, steps, guidance: of its sampling; steps and guidance of its own where None.
    """

    pipeline: str
    task: str
    shards: Path
    checkpoint: Path | str | None = None
    adapter: Path | str | None = None
    predictions: Path | None = None
    images: Path | None = None
    limit: int | None = None
    seed: int = 0
    steps: int | None = None
    guidance: float | None = None

    @property
    def weights(self) -> Path | str:
        """The checkpoint, of a kind of model that needs one."""
        assert self.checkpoint is not None
        return self.checkpoint

    @property
    def predicted(self) -> Path:
        """The file of predictions, of a kind of model that is one."""
        assert self.predictions is not None
        return self.predictions

    @property
    def sampling(self) -> dict[str, Any]:
        """The sampling options that are given, as diffusers names them."""
        options = {"num_inference_steps": self.steps, "guidance_scale": self.guidance}
        return {name: value for name, value in options.items() if value is not None}
