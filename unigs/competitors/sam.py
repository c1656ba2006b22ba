"""Segment Anything's automatic masks as entities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from unigs.competitors.masks import painted, prediction_of
from unigs.competitors.model_type import require_model_type
from unigs.competitors.request import Request
from unigs.errors import ModelError
from unigs.evaluation.predictions import OtherModel, Prediction
from unigs.io.device import in_batches
from unigs.models.source import loading, resolve_directory
from unigs.samples.sample import Sample


@dataclass(frozen=True, slots=True)
class SamPredictor:
    """Predicts the masks of transformers' mask generation, made disjoint: a pixel belongs to the
    mask of the highest predicted IoU, which is the score of the entity.

    Attributes:
        generate: a `MaskGenerationPipeline`.
        options: of its call; its own thresholds where empty.
    """

    generate: Any
    options: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, samples: Sequence[Sample]) -> list[Prediction]:
        # One image is hundreds of points in batches of its own.
        parts = in_batches(samples, 1, self._predict, "samples")
        return [prediction for part in parts for prediction in part]

    def _predict(self, samples: Sequence[Sample]) -> list[Prediction]:
        return [prediction_of(sample, *self._segments(sample.image)) for sample in samples]

    def _segments(self, image: NDArray[np.uint8]) -> tuple[NDArray[np.int32], dict[int, float]]:
        found = self.generate(Image.fromarray(image), **self.options)
        scores = torch.as_tensor(found["scores"]).cpu().tolist()
        masks = [np.asarray(mask, bool) for mask in found["masks"]]
        return painted(masks, scores, (image.shape[0], image.shape[1]))


def load_sam(request: Request, device: torch.device) -> OtherModel:
    """Load a `SamModel` with its image processor, in float32.

    Raises:
        ModelError: another model, or pickles only.
    """
    from transformers import AutoImageProcessor, MaskGenerationPipeline, SamModel

    folder = resolve_directory(request.weights)
    require_model_type(folder, "sam")
    try:
        processor = AutoImageProcessor.from_pretrained(folder, local_files_only=True)
        model = SamModel.from_pretrained(folder, local_files_only=True, **loading(folder))
    except (OSError, ValueError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelError(f"{folder}: not a SAM ({reason}); check the path") from error
    model = model.float().eval().requires_grad_(False)
    generate = MaskGenerationPipeline(model=model, image_processor=processor, device=device)
    return OtherModel(SamPredictor(generate), masks=True)
