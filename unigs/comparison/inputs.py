"""Photographs and classes of the samples, from the shards they were evaluated on."""

from __future__ import annotations

from collections.abc import Container
from pathlib import Path

from unigs.comparison.page import Inputs
from unigs.errors import DataError
from unigs.shards.read import read_samples


def read_inputs(shards: Path, keys: Container[str]) -> Inputs:
    """Read the samples with some keys.

    Raises:
        DataError: no shards there, or none of the samples is in them.
    """
    images, classes = {}, {}
    for sample in read_samples(shards):
        if sample.key in keys:
            images[sample.key] = sample.image
            classes[sample.key] = {entity.id: entity.class_name for entity in sample.entities}
    if not images:
        raise DataError(
            "none of the evaluated samples is in these shards",
            file=shards,
            hint="give the shards that both models were evaluated on",
        )
    return Inputs(images, classes)
