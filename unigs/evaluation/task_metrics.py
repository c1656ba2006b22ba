"""All metrics of one task over predicted samples (definitions: docs/metrics.md)."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from unigs.evaluation.feature_scores import FeatureScores
from unigs.evaluation.image_metrics import ClipScores, ImageScores, LayoutScores
from unigs.evaluation.mask_metrics import MaskScores
from unigs.evaluation.metric_values import MetricValues
from unigs.evaluation.predictions import Prediction
from unigs.evaluators.bundle import Evaluators
from unigs.metrics.bootstrap.per_image import PerImage
from unigs.samples.sample import Sample
from unigs.tasks import Task


class TaskScores:
    """Collects predictions for the samples of one task; ``compute()`` names every value.

    Masks are scored where the task makes a new colormap, images where it makes a new image.

    Args:
        task, evaluators: what is scored, and with which networks.
        masks, images: whether the predictions contain them.
        device: where the state is stored and gathered.
    """

    def __init__(
        self,
        task: Task,
        evaluators: Evaluators,
        *,
        masks: bool = True,
        images: bool = True,
        device: torch.device | None = None,
    ) -> None:
        self._masks = MaskScores(task) if task.new_colormap and masks else None
        self._images: list[ImageScores] = []
        if task.new_image and images:
            self._images = _image_scores(task, evaluators)
        for scores in (self._masks, *self._images):
            if scores is not None and device is not None:
                scores.metrics.to(device)

    def update(self, samples: Sequence[Sample], predictions: Sequence[Prediction]) -> None:
        """Add a batch; what a prediction leaves out (None) is not scored, an empty map is."""
        pairs = list(zip(samples, predictions, strict=True))
        if self._masks is not None:
            for sample, prediction in pairs:
                if prediction.segments is not None:
                    self._masks.update(sample, prediction.segments, prediction.scores)
        shown = [(sample, found.image) for sample, found in pairs if found.image is not None]
        if shown:
            for scores in self._images:
                scores.update([sample for sample, _ in shown], [image for _, image in shown])

    def compute(self, intervals: bool = True) -> MetricValues:
        """Compute all values over the samples of all processes of the group.

        Every process must call this, in the same order; all get the same bits.

        Args:
            intervals: compute their bootstrap intervals too.
        """
        parts = [] if self._masks is None else [self._masks.compute(intervals)]
        parts += [scores.compute(intervals) for scores in self._images]
        return MetricValues(tuple(value for part in parts for value in part))

    def per_image(self) -> PerImage:
        """Return what each image contributes, by the names of the values, after :meth:`compute`:
        that by which two models are compared."""
        joined = PerImage((), {}) if self._masks is None else self._masks.per_image()
        for scores in self._images:
            images, values = scores.per_image(), scores.compute(intervals=False)
            joined |= images.renamed({v.metric: v.name for v in values if v.metric in images.parts})
        return joined


def _image_scores(task: Task, evaluators: Evaluators) -> list[ImageScores]:
    found: list[ImageScores] = [
        FeatureScores(network, evaluators.cached(network))
        for network in evaluators.feature_networks
    ]
    encoder = evaluators.dual_encoder
    if encoder is not None:
        found.append(ClipScores(encoder, evaluators.cached(encoder)))
    if evaluators.segmenter is not None and task.control == "colormap":
        found.append(LayoutScores(evaluators.segmenter))
    return found
