"""Baselines and upper bounds: predictions that need no model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unigs.colormap import DEFAULT_DECODER, Palette, decode_batch
from unigs.evaluation.metric_values import MetricValues, Role
from unigs.evaluation.predictions import Prediction, Predictor, with_hole
from unigs.metrics.matching import components
from unigs.models.autoencoder import decode_latents, encode_images
from unigs.models.colormap_latents import encode_colormaps
from unigs.samples.sample import Sample
from unigs.tasks import Task


@dataclass(frozen=True, slots=True)
class Codec:
    """Autoencoder, palette and decoder, by which a pipeline turns masks into latents and back."""

    autoencoder: Any
    palette: Palette | None = None
    decoder: str = DEFAULT_DECODER
    options: Mapping[str, Any] = field(default_factory=dict)
    refine_steps: int = 0

    @classmethod
    def of(cls, pipeline: Any) -> Codec:
        """Return the codec of a ``UniGSPipeline``."""
        config = pipeline.config
        palette = Palette.from_name(config.palette)
        return cls(
            pipeline.vae, palette, config.decoder, config.decoder_options, config.refine_steps
        )

    def images_through(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
        """Return (n, h, w, 3) uint8: encoded and decoded."""
        return decode_latents(self.autoencoder, encode_images(self.autoencoder, np.stack(images)))

    def colormaps_through(self, colormaps: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
        """Return the same for colormaps, whose latents may be refined."""
        latents = encode_colormaps(self.autoencoder, np.stack(colormaps), self.refine_steps)
        return decode_latents(self.autoencoder, latents)


def coarse_mask_baseline(samples: Sequence[Sample]) -> list[Prediction]:
    """Predict the coarse mask itself: its connected components are the entities (more of them
    match than of the mask in one piece), the image keeps its hole in mid-grey."""
    predictions = []
    for sample in samples:
        segments = components(sample.coarse_mask)
        scores = dict.fromkeys(range(1, int(segments.max()) + 1), 1.0)
        predictions.append(Prediction(with_hole(sample), None, segments, scores))
    return predictions


class FlatColourBaseline:
    """Paint each entity in the mean colour of its class, the rest in the mean of everything.

    The means are those of the evaluated images themselves, which favours the baseline.
    """

    def __init__(self, samples: Iterable[Sample]) -> None:
        sums: dict[str, NDArray[np.float64]] = {}
        total = np.zeros(4)
        for sample in samples:
            total += _color_sum(sample.image.reshape(-1, 3))
            for entity in sample.entities:
                pixels = sample.image[sample.segments == entity.id]
                sums[entity.class_name] = sums.get(entity.class_name, 0) + _color_sum(pixels)
        self._means = {name: _mean_color(value) for name, value in sums.items()}
        self._everywhere = _mean_color(total)

    def __call__(self, samples: Sequence[Sample]) -> list[Prediction]:
        predictions = []
        for sample in samples:
            table = np.tile(self._everywhere, (int(sample.segments.max(initial=0)) + 1, 1))
            for entity in sample.entities:
                table[entity.id] = self._means[entity.class_name]
            predictions.append(Prediction(image=table[sample.segments]))
        return predictions


def _color_sum(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    return np.append(pixels.sum(0, dtype=np.float64), len(pixels))


def _mean_color(total: NDArray[np.float64]) -> NDArray[np.uint8]:
    return np.rint(total[:3] / max(total[3], 1)).astype(np.uint8)


@dataclass(frozen=True, slots=True)
class CodecCeiling:
    """The true colormap and image through the autoencoder and back, read as the pipeline reads
    its own: same decoder, entities end at a sampled coarse mask."""

    codec: Codec
    task: Task

    def __call__(self, samples: Sequence[Sample]) -> list[Prediction]:
        images = self.codec.images_through([sample.image for sample in samples])
        colormaps = self.codec.colormaps_through([sample.colormap for sample in samples])
        every = decode_batch(
            colormaps,
            self.codec.decoder,
            self.codec.palette,
            self.task.background,
            None if self.task.new_image else images,
            **self.codec.options,
        )
        predictions = []
        for sample, image, colormap, decoded in zip(samples, images, colormaps, every, strict=True):
            segments = decoded.segments
            if self.task.coarse == "sampled":
                segments = np.where(sample.coarse_mask, segments, 0)
            scores = {int(i): float(decoded.scores[i - 1]) for i in np.unique(segments) if i}
            predictions.append(Prediction(image, colormap, segments, scores))
        return predictions


def real_images(samples: Sequence[Sample]) -> list[Prediction]:
    """Predict the photograph: the evaluators' upper bound on real images."""
    return [Prediction(image=sample.image) for sample in samples]


#: Counts that are the model's too, and values in which a real image is compared with itself.
_COUNTS = ("n_entities", "n_images", "n_empty_gt", "frechet_n", "absent.n_images")
_SELF_COMPARED = ("fid", "kid", "frechet_distance", "cmmd", "clip_i_region")


@dataclass(frozen=True, slots=True)
class Reference:
    """A baseline or upper bound that is evaluated with the model.

    ``masks`` tells whether it predicts masks, ``copies`` whether its images are the real ones.
    """

    name: str
    role: Role
    predictor: Predictor
    masks: bool = True
    copies: bool = False

    def attribute(self, values: MetricValues) -> MetricValues:
        """Its own values, those that say nothing left out."""
        empty = _COUNTS + (_SELF_COMPARED if self.copies else ())
        telling = values.where(lambda value: value.metric not in empty)
        return telling.changed(role=self.role, source=self.name)


def references(task: Task, samples: Iterable[Sample], codec: Codec | None) -> list[Reference]:
    """Return what is evaluated with a model: baselines and upper bounds that mean something for the
    task.

    ``samples`` is read once, and only for synthesis (the mean colours).
    """
    if task.new_colormap:
        found = [Reference("coarse_mask", Role.BASELINE, coarse_mask_baseline)]
    else:
        flat = FlatColourBaseline(samples)
        found = [Reference("flat_colour", Role.BASELINE, flat, masks=False)]
    if task.new_image:
        found.append(Reference("real", Role.CEILING, real_images, masks=False, copies=True))
    if codec is not None:
        found.append(Reference("codec", Role.CEILING, CodecCeiling(codec, task)))
    return found
