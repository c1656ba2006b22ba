"""What the samples were, from the shards they were evaluated on: pictures for a page, classes."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unigs.comparison.breakdown import Classes
from unigs.comparison.pictures import entities, photograph
from unigs.errors import DataError
from unigs.evaluation.predictions import with_hole
from unigs.samples.sample import Sample
from unigs.shards.read import read_samples
from unigs.tasks import task_named


@dataclass(frozen=True, slots=True)
class Shown:
    """A sample as a page shows it: data URIs by title, and words.

    Attributes:
        photo: the whole photograph.
        given: what the models were given, if that is not the whole photograph alone.
        prompt: that they were given.
    """

    photo: str
    given: Mapping[str, str]
    prompt: str


@dataclass(frozen=True, slots=True)
class Inputs:
    """The samples of a task: by key the pictures of those that are shown, and the class names of
    the true entities of all."""

    shown: Mapping[str, Shown]
    classes: Classes


def read_inputs(shards: Path, keys: Container[str], shown: Container[str]) -> Inputs:
    """Read the samples with some keys, the pictures of those in ``shown``.

    Raises:
        DataError: no shards there, or none of the samples is in them.
    """
    found = inputs_of((one for one in read_samples(shards) if one.key in keys), shown)
    if not found.classes:
        raise DataError(
            "none of the evaluated samples is in these shards",
            file=shards,
            hint="give the shards that both models were evaluated on",
        )
    return found


def inputs_of(samples: Iterable[Sample], shown: Container[str]) -> Inputs:
    """Return what a page needs of some samples, the pictures of those in ``shown``."""
    pictures, classes = {}, {}
    for sample in samples:
        classes[sample.key] = {entity.id: entity.class_name for entity in sample.entities}
        if sample.key in shown:
            pictures[sample.key] = Shown(photograph(sample.image), _given(sample), sample.prompt)
    return Inputs(pictures, classes)


def _given(sample: Sample) -> dict[str, str]:
    task, given = task_named(sample.task), {}
    if task.control == "colormap":
        given["control image: colormap"] = photograph(sample.colormap)
    elif task.control == "masked_image":
        given["control image: photograph with its hole"] = photograph(with_hole(sample))
    if task.coarse == "sampled":
        given["coarse mask"] = entities(sample.coarse_mask.astype(np.int32))
    return given
