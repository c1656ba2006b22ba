"""The prediction for one sample, from the pipeline or any other predictor."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from unigs.errors import ModelError
from unigs.io.device import in_batches
from unigs.samples.sample import Sample
from unigs.tasks import task_named

HOLE_GREY = 128


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """``image`` and ``colormap`` (h, w, 3) uint8, ``segments`` (h, w) int32 with 0 = nothing and
    ``scores`` by label; what a predictor does not give is None or empty."""

    image: NDArray[np.uint8] | None = None
    colormap: NDArray[np.uint8] | None = None
    segments: NDArray[np.int32] | None = None
    scores: Mapping[int, float] = field(default_factory=dict)


class Predictor(Protocol):
    """Anything that predicts samples: a pipeline, a baseline, an upper bound."""

    def __call__(self, samples: Sequence[Sample]) -> list[Prediction]: ...


@dataclass(frozen=True, slots=True)
class PipelinePredictor:
    """Predicts with a ``UniGSPipeline``.

    Every sample has its own generator, seeded by ``seed`` and the sample's key, so that a
    prediction depends neither on the batch nor on the other samples; a batch for which memory is
    too small is halved. ``options`` go to the pipeline
    as they are (``num_inference_steps``, ``guidance_scale``, ...).
    """

    pipeline: Any
    task: str
    seed: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, samples: Sequence[Sample]) -> list[Prediction]:
        parts = in_batches(samples, len(samples), self._predict, "samples")
        return [prediction for part in parts for prediction in part]

    def _predict(self, samples: Sequence[Sample]) -> list[Prediction]:
        output = self.pipeline(
            task=self.task,
            generator=[generator_of(self.seed, self.task, sample.key) for sample in samples],
            **task_inputs(self.task, samples),
            **self.options,
        )
        predictions = [
            Prediction(
                image=np.asarray(image.convert("RGB")),
                colormap=np.asarray(colormap),
                segments=np.asarray(segments),
                scores={int(entity.id): float(entity.score) for entity in entities},
            )
            for image, colormap, segments, entities in zip(
                output.images, output.colormaps, output.segments, output.entities, strict=True
            )
        ]
        if len(predictions) != len(samples):
            raise ModelError(
                f"the pipeline gave {len(predictions)} predictions for {len(samples)} samples"
            )
        return predictions


@dataclass(frozen=True, slots=True)
class OtherModel:
    """A model that is no `UniGSPipeline`, ready to be evaluated.

    Attributes:
        predictor: predicts batches of samples.
        masks: its predictions contain masks.
        counts: what its metrics have to be read with, as metrics: `n_missing_images`, ...
    """

    predictor: Predictor
    masks: bool
    counts: Mapping[str, float] = field(default_factory=dict)


def generator_of(seed: int, task: str, key: str) -> torch.Generator:
    """Return the random generator of one sample: it depends neither on its batch nor on the model
    that draws from it."""
    digest = hashlib.sha256(f"{seed}/{task}/{key}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))


def task_inputs(task: str, samples: Sequence[Sample]) -> dict[str, Any]:
    """Return the keyword arguments of a pipeline call, as lists: what Table 2 gives the task, no
    more.

    The image of an inpainting sample is cut before it is handed over: nothing that is to be
    generated can leak.
    """
    kind = task_named(task)
    inputs: dict[str, Any] = {}
    if kind.control == "colormap":
        inputs["colormap"] = [Image.fromarray(sample.colormap) for sample in samples]
    elif kind.control == "masked_image":
        inputs["image"] = [Image.fromarray(with_hole(sample)) for sample in samples]
    else:
        inputs["image"] = [Image.fromarray(sample.image) for sample in samples]
    if kind.coarse == "sampled":
        inputs["coarse_mask"] = [Image.fromarray(sample.coarse_mask) for sample in samples]
    if kind.takes_names:
        inputs["prompt"] = [sample.prompt for sample in samples]
    return inputs


def with_hole(sample: Sample) -> NDArray[np.uint8]:
    """Return (h, w, 3) uint8: the image, mid-grey inside the coarse mask."""
    return np.where(sample.coarse_mask[..., None], np.uint8(HOLE_GREY), sample.image)
