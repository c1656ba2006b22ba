"""Panoptic segmentation by Mask2Former: all segments, or those of the classes asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from unigs.competitors.masks import prediction_of
from unigs.competitors.model_type import require_model_type
from unigs.competitors.notes import told
from unigs.competitors.request import Request
from unigs.competitors.samples_ahead import classes_ahead
from unigs.evaluation.predictions import OtherModel, Prediction
from unigs.evaluators.mask2former import Mask2FormerEvaluator
from unigs.models.source import resolve_directory
from unigs.samples.sample import Sample
from unigs.tasks import task_named


@dataclass(frozen=True, slots=True)
class Mask2FormerPredictor:
    """Predicts the segments of transformers' `post_process_panoptic_segmentation`, with their
    scores."""

    evaluator: Mask2FormerEvaluator

    def __call__(self, samples: Sequence[Sample]) -> list[Prediction]:
        found = self.evaluator.segment([sample.image for sample in samples])
        return [
            prediction_of(sample, one.segments, one.scores, one.classes)
            for sample, one in zip(samples, found, strict=True)
        ]


def load_mask2former(request: Request, device: torch.device) -> OtherModel:
    """Load a Mask2Former, in float32.

    Raises:
        ModelError: another model, or pickles only.
    """
    folder = resolve_directory(request.weights)
    require_model_type(folder, "mask2former")
    evaluator = Mask2FormerEvaluator(folder, str(device))
    counts = {}
    if task_named(request.task).entities == "named":
        asked = set(classes_ahead(request.shards, request.limit))
        unknown = sorted(asked - evaluator.class_names)
        counts["n_unknown_names"] = told(unknown, "names asked for are none of the model's classes")
    return OtherModel(Mask2FormerPredictor(evaluator), masks=True, counts=counts)
