"""The evaluation section of a preset: on what a model is evaluated, and with which networks."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from unigs.config.strict import Strict


class EvaluationConfig(Strict):
    """The test protocol and its evaluators.

    Attributes:
        scenes: validation scenes that are evaluated (1000 in the paper).
        train_scenes: training scenes that a model is also evaluated on, drawn as validation scenes
            are: what it has learned by heart shows in the difference.
        evaluators: `shapes` trains small ones in the graph; `paper` loads the paper's.
        clip: directory or Hub id of the paper's CLIP.
        segmenter: directory or Hub id of its Mask2Former.
        inception, dinov2: with either, the file of the 2015 Inception weights (FID), and directory
            or Hub id of a DINOv2 (its Frechet distance is FD-DINOv2).
        evaluator_passes: passes over the training scenes by which the small evaluators are trained,
            as far as their own limits go.
        batch_size: samples predicted at a time.
        processes: on this machine that share the samples, as far as it has a core or an
            accelerator for each.
    """

    scenes: int = Field(1000, ge=1)
    train_scenes: int = Field(0, ge=0)
    evaluators: Literal["shapes", "paper"] = "shapes"
    clip: str | None = None
    segmenter: str | None = None
    inception: str | None = None
    dinov2: str | None = None
    evaluator_passes: int = Field(10, ge=1)
    batch_size: int = Field(32, ge=1)
    processes: int = Field(1, ge=1)
