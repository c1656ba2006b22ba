"""Samples of the entity task as pictures with class maps, and class maps cut into entities."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unigs.evaluation.predictions import Prediction
from unigs.metrics.matching import components
from unigs.samples.sample import Sample
from unigs.shards.read import read_samples


@dataclass(frozen=True, slots=True, eq=False)
class ClassMaps:
    """``n`` samples.

    Attributes:
        images: (n, s, s, 3) uint8.
        classes: (n, s, s) uint8 or int16, 0 = nobody knows, else 1 + index into `names`.
        names: class names, sorted.
        single: those of them that no sample has twice: their places in a picture are one entity.
    """

    images: NDArray[np.uint8]
    classes: NDArray[np.int16]
    names: tuple[str, ...]
    single: frozenset[str]


def read_class_maps(shards: Path, names: Sequence[str] | None = None) -> ClassMaps:
    """Read all samples of a folder of shards of the entity task into memory.

    Args:
        names: the classes; those that the samples have if None. Others are unknown places.
    """
    samples = list(read_samples(shards))
    if names is None:
        names = sorted({entity.class_name for sample in samples for entity in sample.entities})
    index = {name: number for number, name in enumerate(names, start=1)}
    twice = {
        name
        for sample in samples
        for name, count in Counter(entity.class_name for entity in sample.entities).items()
        if count > 1
    }
    return ClassMaps(
        np.stack([sample.image for sample in samples]),
        np.stack([class_map(sample, index) for sample in samples]),
        tuple(names),
        frozenset(set(names) - twice),
    )


def class_map(sample: Sample, index: Mapping[str, int]) -> NDArray[np.int16]:
    """Return (s, s) int16: the number of the class of each place, 0 where there is none."""
    table = np.zeros(len(sample.entities) + 1, np.int16)
    for entity in sample.entities:
        table[entity.id] = index.get(entity.class_name, 0)
    return table[sample.segments]


def prediction_of(
    classes: NDArray[np.int16],
    confidence: NDArray[np.float32],
    single: Iterable[int],
    least: float,
) -> Prediction:
    """Cut a class map into entities: each class that is one entity a picture whole, of the others
    every 8-connected part.

    Args:
        classes: (h, w), 0 = nothing, else the number of a class.
        confidence: (h, w) in [0, 1]; an entity's score is the mean over its pixels.
        single: numbers of the classes that are one entity a picture.
        least: pixels below which an entity is left out.
    """
    whole = set(single)
    segments = np.zeros(classes.shape, np.int32)
    scores: dict[int, float] = {}
    for number in np.unique(classes[classes > 0]).tolist():
        mask = classes == number
        parts = mask.astype(np.int32) if number in whole else components(mask)
        for label in range(1, int(parts.max()) + 1):
            part = parts == label
            if part.sum() >= least:
                scores[len(scores) + 1] = float(confidence[part].mean())
                segments[part] = len(scores)
    return Prediction(segments=segments, scores=scores)
