"""Merge several seeds into one prediction: entities by vote, agreement as their score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from unigs.errors import ConfigError
from unigs.metrics.matching import match
from unigs.pipeline.initial_noise import seeded_generator
from unigs.pipeline.output import UniGSOutput, check_merged_call, describe_entities
from unigs.tasks import task_named

__all__ = ["predict_with_seeds"]


def predict_with_seeds(pipeline: Any, task: str, seeds: Sequence[int], **call: Any) -> UniGSOutput:
    """Run a segmentation task once per seed and merge the predictions, image by image.

    The run that agrees best with the others is the reference. A pixel belongs to the reference
    entity that most runs give it to, if at least half of them do; an entity's score is its mean
    IoU with its counterparts in all other runs (0 where a run has none). Images and colormaps
    are the reference's.

    Args:
        task: `referring` or `entity`.
        seeds: at least two; a batch draws its noise image after image from each.
        call: the other arguments of the pipeline call.

    Raises:
        ConfigError: a task that generates images or starts without noise, fewer than two seeds, or
            a call that cannot be merged.
    """
    if task_named(task).new_image:
        raise ConfigError(
            f"seeds: the images of {task} differ by seed", hint="merge referring or entity only"
        )
    if task in pipeline.config.get("zero_initial_noise", ()):
        raise ConfigError(
            f"seeds: this model predicts {task} without noise", hint="run it once, no seed matters"
        )
    try:
        each = list(seeds)
    except TypeError:
        each = []
    if len(each) < 2:
        raise ConfigError(f"seeds: {seeds!r} given", hint="give a list of at least two")
    check_merged_call(call, ("generator",))
    runs = [
        pipeline(**{**call, "task": task, "generator": seeded_generator(seed)}) for seed in each
    ]
    count = len(runs[0].segments)
    chosen, merged, entities = [], [], []
    for index in range(count):
        maps = [run.segments[index] for run in runs]
        best = reference_run(maps)
        segments, agreement = vote(maps, best)
        names = [entity.class_name for entity in runs[best].entities[index]]
        segments, described = describe_entities(segments, agreement, names)
        chosen.append(runs[best])
        merged.append(segments)
        entities.append(described)
    return UniGSOutput(
        images=[run.images[index] for index, run in enumerate(chosen)],
        colormaps=np.stack([run.colormaps[index] for index, run in enumerate(chosen)]),
        segments=np.stack(merged),
        entities=entities,
    )


def reference_run(maps: Sequence[np.ndarray]) -> int:
    """Return the index of the map whose entities overlap most with those of the others."""
    count = len(maps)
    likeness = np.zeros((count, count))
    for i in range(count):
        for j in range(i):
            found = match(maps[i], maps[j])
            most = max(len(found.gt_labels), found.n_pred, 1)
            likeness[i, j] = likeness[j, i] = sum(found.iou.tolist()) / most
    return int(likeness.sum(1).argmax())


def vote(maps: Sequence[np.ndarray], reference: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the segments (h, w) by majority over the reference's n entities, and their agreement
    (n,)."""
    count = int(maps[reference].max(initial=0))
    votes = np.zeros((count + 1, *maps[reference].shape))
    agreement = np.zeros(count)
    for number, segments in enumerate(maps):
        if number == reference:
            for label in range(1, count + 1):
                votes[label] += segments == label
            continue
        found = match(maps[reference], segments)
        for label, partner, iou in zip(found.gt_labels, found.pred_labels, found.iou, strict=True):
            if partner:
                votes[label] += segments == partner
                agreement[label - 1] += iou
    winner = votes.argmax(axis=0)
    enough = votes.max(axis=0) * 2 >= len(maps)
    return np.where(enough, winner, 0), agreement / max(len(maps) - 1, 1)
