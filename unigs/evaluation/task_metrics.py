"""All metrics of one task over answered samples (definitions: docs/metrics.md)."""

from __future__ import annotations

from collections.abc import Sequence

from unigs.evaluation.image_metrics import ClipScores, FrechetScores, ImageScores, LayoutScores
from unigs.evaluation.mask_metrics import MaskScores
from unigs.evaluation.predictions import Prediction
from unigs.evaluators.bundle import Evaluators
from unigs.samples.sample import Sample
from unigs.tasks import Task, task_named


class TaskScores:
    """Collects answers to the samples of one task; ``compute()`` names every figure.

    Masks are evaluated where the task makes a new colormap, images where it makes a new image.
    """

    def __init__(self, task: Task | str, evaluators: Evaluators) -> None:
        self.task = task_named(task)
        self._masks = MaskScores(self.task) if self.task.new_colormap else None
        self._judges: list[ImageScores] = []
        if not self.task.new_image:
            return
        if evaluators.inception is not None:
            self._judges.append(FrechetScores(evaluators.inception))
        if evaluators.dual_encoder is not None:
            self._judges.append(FrechetScores(evaluators.dual_encoder))
            self._judges.append(ClipScores(evaluators.dual_encoder))
        if evaluators.segmenter is not None and self.task.control == "colormap":
            self._judges.append(LayoutScores(evaluators.segmenter))

    def update(self, samples: Sequence[Sample], answers: Sequence[Prediction]) -> None:
        """Add a batch; what an answer leaves out (None) is not evaluated, an empty map is."""
        pairs = list(zip(samples, answers, strict=True))
        if self._masks is not None:
            for sample, answer in pairs:
                if answer.segments is not None:
                    self._masks.update(sample, answer.segments, answer.scores)
        shown = [(sample, answer.image) for sample, answer in pairs if answer.image is not None]
        if shown:
            for judge in self._judges:
                judge.update([sample for sample, _ in shown], [image for _, image in shown])

    def compute(self) -> dict[str, float]:
        """Every figure of the task over what was added."""
        result = {}
        if self._masks is not None and self._masks.plain.images:
            result = self._masks.compute()
        for judge in self._judges:
            result |= judge.compute()
        return result
