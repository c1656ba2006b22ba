"""Metrics of generated images, one by one: CLIP scores, and the segmenter's mIoU."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torchmetrics import Metric, MetricCollection

from unigs.evaluation.metric_values import MetricValue
from unigs.evaluators.dual_encoder import DualEncoder
from unigs.evaluators.network import FeatureNetwork
from unigs.evaluators.segmenter import PanopticEvaluator, Segmented
from unigs.metrics.bootstrap.draws import Interval
from unigs.metrics.bootstrap.per_image import PerImage
from unigs.metrics.clip_score import ClipScoreMetric, region_crop
from unigs.metrics.entity_metrics import SegmentationMetric
from unigs.metrics.matching import overlap
from unigs.samples.sample import Sample

Image = NDArray[np.uint8]
CLIP_SCORES = ("clip_i_region", "clip_t_region", "clip_t_full")


class ImageScores(Protocol):
    """Metrics of generated images by one evaluator."""

    @property
    def metrics(self) -> Metric | MetricCollection:
        """The state, which is gathered from all processes on ``compute()``."""
        ...

    def update(self, samples: Sequence[Sample], images: Sequence[Image]) -> None:
        """Add the (h, w, 3) uint8 images generated for the samples."""
        ...

    def compute(self, intervals: bool = True) -> list[MetricValue]:
        """Compute all values, each with the evaluator's name, and their intervals."""
        ...

    def per_image(self) -> PerImage:
        """Return what each image contributes to those that are ratios, after :meth:`compute`."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class _Regions:
    """The target entities of a batch, flat: number of the sample, class name, mask."""

    owner: list[int]
    names: list[str]
    masks: list[NDArray[np.bool_]]

    @classmethod
    def of(cls, samples: Sequence[Sample]) -> _Regions:
        """Read the regions of a batch."""
        regions = cls([], [], [])
        for number, sample in enumerate(samples):
            for entity in sample.entities:
                regions.owner.append(number)
                regions.names.append(entity.class_name)
                regions.masks.append(sample.segments == entity.id)
        return regions

    def crops(self, images: Sequence[Image]) -> list[Image]:
        """Return the box of every region, cut from its image."""
        pairs = zip(self.owner, self.masks, strict=True)
        return [region_crop(images[number], mask) for number, mask in pairs]


class ClipScores:
    """``clip_i_region`` (crop of the generated against crop of the real image),
    ``clip_t_region`` (crop against its class name) and ``clip_t_full`` (image against all names),
    each followed by the encoder's name.

    Args:
        encoder: embeds images and names.
        real: embeds crops of real images, where that is read from a cache; the encoder by default.
    """

    def __init__(self, encoder: DualEncoder, real: FeatureNetwork | None = None) -> None:
        self.encoder, self._real = encoder, real or encoder
        self._tables = {name: ClipScoreMetric(name) for name in CLIP_SCORES}
        self.metrics = MetricCollection(dict(self._tables), compute_groups=False)

    def update(self, samples: Sequence[Sample], images: Sequence[Image]) -> None:
        """Add a batch."""
        regions = _Regions.of(samples)
        generated = self.encoder.embed_images(regions.crops(images))
        real = self._real.embed_images(regions.crops([sample.image for sample in samples]))
        words = self.encoder.embed_texts(regions.names)
        named = [i for i, sample in enumerate(samples) if sample.entities]
        whole = self.encoder.embed_images([images[i] for i in named])
        texts = self.encoder.embed_texts([spoken_names(samples[i]) for i in named])
        owner, full = np.array(regions.owner, int), np.array(named, int)
        for number, sample in enumerate(samples):
            crops, image = owner == number, full == number
            for name, pairs in (
                ("clip_i_region", (generated[crops], real[crops])),
                ("clip_t_region", (generated[crops], words[crops])),
                ("clip_t_full", (whole[image], texts[image])),
            ):
                self.metrics[name].update(sample.key, *pairs)

    def compute(self, intervals: bool = True) -> list[MetricValue]:
        """Compute the three scores, 100 * cosine."""
        scores = self.metrics.compute()
        known = self.per_image().intervals() if intervals else {}
        return _named(CLIP_SCORES, scores, known, self.encoder.name)

    def per_image(self) -> PerImage:
        """Return the share of each image, after :meth:`compute`."""
        joined = PerImage((), {})
        for metric in self._tables.values():
            joined |= metric.per_image()
        return joined


def spoken_names(sample: Sample) -> str:
    """Return the class names of the target, largest entity first: "dog, grass"."""
    return ", ".join(dict.fromkeys(entity.class_name for entity in sample.entities))


class LayoutScores:
    """Measure whether the generated image follows its colormap (paper, section 4.3).

    The evaluator's segments of the image are matched with the entities of the given colormap, one
    to one and only within a class: ``miou.<evaluator>`` and ``recall_50.<evaluator>``.
    """

    def __init__(self, evaluator: PanopticEvaluator) -> None:
        self.evaluator = evaluator
        self.metrics = SegmentationMetric()

    def update(self, samples: Sequence[Sample], images: Sequence[Image]) -> None:
        """Add a batch."""
        for sample, found in zip(samples, self.evaluator.segment(images), strict=True):
            allowed = same_class(sample, found)
            self.metrics.update(sample.key, sample.segments, found.segments, allowed=allowed)

    def compute(self, intervals: bool = True) -> list[MetricValue]:
        """Compute the two scores, with the evaluator's name."""
        scores = self.metrics.compute()
        known = self.metrics.intervals() if intervals else {}
        return _named(("miou", "recall_50"), scores, known, self.evaluator.name)

    def per_image(self) -> PerImage:
        """Return the share of each image, after :meth:`compute`."""
        return self.metrics.per_image()


def _named(
    names: Sequence[str],
    scores: Mapping[str, float],
    known: Mapping[str, Interval],
    evaluator: str,
) -> list[MetricValue]:
    return [MetricValue.measured(k, scores[k], known.get(k), evaluator) for k in names]


def same_class(sample: Sample, found: Segmented) -> NDArray[np.bool_]:
    """Return (g, p) bool over the labels present: the pair is of one class."""
    both = overlap(sample.segments, found.segments)
    names = {entity.id: entity.class_name for entity in sample.entities}
    truth = np.array([names[label] for label in both.gt_labels.tolist()], dtype=object)
    pred_labels = both.pred_labels.tolist()
    predicted = np.array([found.classes[label] for label in pred_labels], dtype=object)
    return np.asarray(truth[:, None] == predicted[None], bool)
