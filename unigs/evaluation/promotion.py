"""Whether a new model becomes the champion: the mIoU of every task, compared image by image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unigs.evaluation.evaluate import IMAGE_SCORES
from unigs.evaluation.metric_values import MetricValue, MetricValues, Role
from unigs.metrics.bootstrap.comparison import Difference, compare, mean_difference
from unigs.metrics.bootstrap.per_image import PerImage


@dataclass(frozen=True, slots=True)
class TaskScore:
    """The mIoU of a model on one task, and what each image contributes to it."""

    miou: MetricValue
    images: PerImage


Scores = Mapping[str, TaskScore]


@dataclass(frozen=True, slots=True)
class Decision:
    """The decision with its reason in one line; ``differences`` to the champion by task, and
    ``mean`` over the tasks."""

    promoted: bool
    reason: str
    differences: dict[str, Difference]

    def records(self) -> dict[str, dict[str, Any]]:
        """Return the differences as JSON."""
        return {
            name: {
                "difference": found.value,
                "ci_low": found.interval.low,
                "ci_high": found.interval.high,
                "p": found.p,
                "images": found.images,
            }
            for name, found in self.differences.items()
        }


def own_miou(values: MetricValues, task: str) -> MetricValue:
    """Return a model's mIoU on held-out samples: of the masks, or of the segmenter's on generated
    images.

    Raises:
        KeyError: it was not evaluated in either.
    """
    own = values.where(lambda v: v.role is Role.MODEL and not v.protocol and v.metric == "miou")
    if not own.values:
        raise KeyError(f"{task} has no mIoU")
    return own.values[0]


def read_scores(folders: Mapping[str, Path]) -> dict[str, TaskScore]:
    """Read the scores of a model from its evaluations, by task.

    Raises:
        DataError: a folder holds no evaluation. KeyError: as `own_miou`.
    """
    return {
        task: TaskScore(
            own_miou(MetricValues.read(folder), task), PerImage.read(folder / IMAGE_SCORES)
        )
        for task, folder in folders.items()
    }


def mean_miou(scores: Scores) -> float:
    """Return the mean over the tasks of their mIoU."""
    return sum(score.miou.value for score in scores.values()) / len(scores)


def decide(candidate: Scores, champion: Scores | None, unfit: str = "") -> Decision:
    """Decide whether to promote: a better mean mIoU, and no task that is worse beyond chance
    (the interval of 95 % of its paired difference is below 0).

    Args:
        champion: None without one to compare with.
        unfit: why the champion cannot stay whatever its metrics are, as what it did: "saw forgotten
            images"; "" if it can.

    Raises:
        DataError: the two were not evaluated on the same images with the same evaluators.
    """
    ours = mean_miou(candidate)
    if unfit:
        reason = f"promoted: mean mIoU {ours:.4f}, the champion {unfit}"
        return Decision(True, reason, {})
    if champion is None:
        return Decision(True, f"promoted: the first model, mean mIoU {ours:.4f}", {})
    pairs = {
        task: (score.images, champion[task].images, score.miou.name)
        for task, score in candidate.items()
    }
    differences = {"mean": mean_difference(pairs.values())}
    differences |= {task: compare(*pair) for task, pair in pairs.items()}
    mean = differences["mean"]
    worse = [task for task in pairs if differences[task].worse]
    said = f"mean mIoU {ours:.4f}, the champion has {mean_miou(champion):.4f}, difference {mean}"
    if worse:
        named = ", ".join(f"{task} {differences[task]}" for task in worse)
        return Decision(False, f"not promoted: worse in {named}; {said}", differences)
    if not mean.value > 0:
        return Decision(False, f"not promoted: {said}", differences)
    return Decision(True, f"promoted: {said}", differences)
