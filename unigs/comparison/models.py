"""All tasks that two models were both evaluated on, in one page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from unigs.comparison.breakdown import chosen_images, deciding_metric
from unigs.comparison.evaluation import Evaluation
from unigs.comparison.inputs import read_inputs
from unigs.comparison.page import Comparison, compare_task
from unigs.errors import DataError

# Metrics whose denominators are counts of the truth alone.
_OF_TRUTH = {"miou": "true entities", "pixel_recall": "pixels of true entities"}


def compare_models(
    first: Mapping[str, Path],
    second: Mapping[str, Path],
    names: tuple[str, str],
    shards: Path | None,
    images: int,
) -> list[Comparison]:
    """Compare two models in each task that both have.

    Args:
        first, second: task -> folder of the evaluation; "" for a folder that is one task.
        names: by which the page calls them.
        shards: those that both were evaluated on, in a folder a task; None leaves photographs and
            classes out.
        images: shown at most of each task.

    Raises:
        DataError: no task or image in common, other true entities in an image that both have, or
            files of an evaluation are gone.
    """
    shared = [task for task in first if task in second]
    if not shared:
        raise DataError(
            f"no task in common: {', '.join(first)} and {', '.join(second)}",
            file=next(iter(second.values()), None),
        )
    found = []
    for task in shared:
        one, other = (
            Evaluation.read(side[task], name)
            for side, name in zip((first, second), names, strict=True)
        )
        _require_same_truth(one, other)
        place = None if shards is None or not (one.files and other.files) else shards / task
        inputs = None
        if place is not None:
            chosen = chosen_images(one, other, deciding_metric(one, other), images)
            inputs = read_inputs(place, one.files, {key for key, _, _ in chosen})
        found.append(compare_task(task or one.folder.name, one, other, inputs, images))
    return found


def _require_same_truth(one: Evaluation, other: Evaluation) -> None:
    """Raise DataError where an image of both has other true entities: keys name scenes, of which
    another task, or other shards, have other targets. Entities and their pixels are counted."""
    for metric, counted in _OF_TRUTH.items():
        if not (metric in one.scores.parts and metric in other.scores.parts):
            continue
        counts, others = (
            dict(zip(side.scores.keys, side.scores.parts[metric][:, 1].tolist(), strict=True))
            for side in (one, other)
        )
        for key in sorted(counts.keys() & others.keys()):
            if counts[key] != others[key]:
                raise DataError(
                    f"{key} has {counts[key]:.0f} {counted} in one evaluation, "
                    f"{others[key]:.0f} in the other",
                    file=other.folder,
                    hint="evaluate both on the same shards of one task",
                )
