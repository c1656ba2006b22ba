"""Referring segmentation name by name, so that every entity has a class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from unigs.errors import ConfigError
from unigs.pipeline.initial_noise import seeded_generator
from unigs.pipeline.output import UniGSOutput, check_merged_call, describe_entities

__all__ = ["predict_by_name"]


def predict_by_name(
    pipeline: Any, names: str | Sequence[str], seed: int = 0, **call: Any
) -> UniGSOutput:
    """Run referring once per name and merge: where entities overlap, the higher score wins.

    Colours carry no class, so a prompt of several names leaves open which entity is which.

    Args:
        names: class names, or one; each is looked for in every image of the batch.
        seed: of the noise, the same for each name.
        call: the other arguments of the pipeline call (`image`, `coarse_mask`, ...).

    Returns:
        Images of the first run; colormaps hold each entity as its own run painted it.

    Raises:
        ConfigError: no name, or a call that cannot be merged.
    """
    check_merged_call(call, ("task", "prompt", "generator"))
    try:
        wanted = [names] if isinstance(names, str) else list(names)
    except TypeError as error:
        raise ConfigError(f"names: {names!r} given", hint="give a list of class names") from error
    if not wanted:
        raise ConfigError("names: none given", hint="name at least one class")
    call["task"] = "referring"
    runs = [
        pipeline(**{**call, "names": [name], "generator": seeded_generator(seed)})
        for name in wanted
    ]
    segments = np.zeros_like(runs[0].segments)
    colormaps = np.zeros_like(runs[0].colormaps)
    predictions = []
    for index in range(len(segments)):
        found = [
            (entity.score, number, entity)
            for number, run in enumerate(runs)
            for entity in run.entities[index]
        ]
        found.sort(key=lambda item: item[:2])
        for label, (_, number, entity) in enumerate(found, start=1):
            mask = runs[number].segments[index] == entity.id
            segments[index][mask] = label
            colormaps[index][mask] = runs[number].colormaps[index][mask]
        segments[index], entities = describe_entities(
            segments[index],
            np.array([score for score, _, _ in found]),
            [entity.class_name for _, _, entity in found],
        )
        predictions.append(entities)
    return UniGSOutput(
        images=runs[0].images, colormaps=colormaps, segments=segments, entities=predictions
    )
