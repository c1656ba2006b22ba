"""From the segments of another model to a prediction for a sample, by the rules of its task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from unigs.evaluation.predictions import Prediction
from unigs.samples.sample import Sample
from unigs.tasks import task_named


def asked_names(sample: Sample) -> set[str]:
    """Return the class names in the prompt of a sample, those included that it does not show."""
    return {entity.class_name for entity in sample.entities} | set(sample.absent)


def prediction_of(
    sample: Sample,
    segments: NDArray[np.integer],
    scores: Mapping[int, float],
    classes: Mapping[int, str] | None = None,
) -> Prediction:
    """Return the masks that the task of a sample asks for.

    The entity task takes all segments. Where entities are asked for by name, the segments of the
    classes in the prompt, and of each what lies in the coarse mask.

    Args:
        segments: (h, w) integers of the size of the sample, 0 = nothing.
        scores: confidence of each label; 1 for those without.
        classes: class name of each label, as prompts write it; None for a model without classes,
            whose segments are all of the classes asked for.
    """
    task = task_named(sample.task)
    kept = np.maximum(segments, 0)
    if task.entities == "named" and classes is not None:
        asked = asked_names(sample)
        kept = np.where(np.isin(kept, [k for k, name in classes.items() if name in asked]), kept, 0)
    if task.coarse == "sampled":
        kept = np.where(sample.coarse_mask, kept, 0)
    labels = np.unique(kept[kept > 0])
    # Labels of others may be large and far apart; ours count from 1.
    numbered = np.where(kept > 0, np.searchsorted(labels, kept) + 1, 0).astype(np.int32)
    known = {new: float(scores.get(old, 1.0)) for new, old in enumerate(labels.tolist(), start=1)}
    return Prediction(segments=numbered, scores=known)


def painted(
    masks: Sequence[ArrayLike], scores: Sequence[float], size: tuple[int, int]
) -> tuple[NDArray[np.int32], dict[int, float]]:
    """Make masks disjoint: a pixel belongs to the mask of the highest score that holds it, of
    equal scores the first.

    Args:
        masks: (h, w) bool each.
        scores: one a mask.
        size: (h, w).

    Returns:
        (h, w) int32 labels, 0 = nothing, from 1 in the order of the masks; the score of each.
    """
    segments = np.zeros(size, np.int32)
    values = [float(score) for score in scores]
    for index in sorted(range(len(values)), key=lambda one: -values[one]):
        segments[np.asarray(masks[index], bool) & (segments == 0)] = index + 1
    return segments, dict(enumerate(values, start=1))
