"""From a map of a data set's own ids to the compact labels of a scene."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from unigs.datasets.dataset import Category
from unigs.errors import DataError
from unigs.scene import Entity, Scene, areas_and_centroids


@dataclass(frozen=True, slots=True)
class Region:
    """An annotated region before it has a label: its id in the map, its class, its name."""

    id: int
    category: Category
    source_id: str
    crowd: bool


def scene_from_regions(
    ids: np.ndarray,
    regions: list[Region],
    *,
    key: str,
    dataset: str,
    split: str,
    image_file: Path,
    image_digest: str,
    annotation_digest: str,
    licence: str | None,
) -> Scene:
    """Build a scene whose labels run from 1 without gaps, crowd regions last.

    Args:
        ids: (h, w) integers, 0 = nothing, else the id of a region.
        regions: what the ids are.

    Raises:
        DataError: an id is listed twice, listed but not in the map, in the map but not listed, or
            nothing but crowd is left.
    """
    ordered = sorted(regions, key=lambda region: region.crowd)
    labels = {region.id: label for label, region in enumerate(ordered, start=1)}
    if len(labels) < len(regions):
        twice = [r.id for r in regions if sum(other.id == r.id for other in regions) > 1]
        raise DataError(f"segment id {twice[0]} is listed twice")
    if all(region.crowd for region in regions):
        raise DataError("no entity: nothing annotated but crowd or nothing at all")
    segments = relabel(ids, labels)
    areas, centroids = areas_and_centroids(segments, len(ordered))
    entities = []
    for label, region in enumerate(ordered, start=1):
        if not areas[label]:
            raise DataError(f"segment id {region.id} is listed but has no pixel")
        x, y = centroids[label]
        category = region.category
        entities.append(
            Entity(
                label,
                category.name,
                category.id,
                category.is_thing,
                int(areas[label]),
                (float(x), float(y)),
                region.source_id,
                region.crowd,
            )
        )
    return Scene(
        key=key,
        dataset=dataset,
        split=split,
        image_file=image_file,
        segments=segments,
        entities=tuple(entity for entity in entities if not entity.crowd),
        crowd=tuple(entity for entity in entities if entity.crowd),
        image_digest=image_digest,
        annotation_digest=annotation_digest,
        licence=licence,
    )


def relabel(ids: np.ndarray, labels: dict[int, int]) -> np.ndarray:
    """Replace every id by its label.

    Args:
        ids: (h, w) integers; 0 stays 0.
        labels: id -> label.

    Returns:
        (h, w) int32.

    Raises:
        DataError: an id has no label.
    """
    flat = ids.ravel()
    # ids come in runs along the rows: looking up each run once is far cheaper than each pixel
    starts = np.concatenate([[0], np.flatnonzero(flat[1:] != flat[:-1]) + 1])
    values, inverse = np.unique(flat[starts], return_inverse=True)
    table = np.zeros(len(values), dtype=np.int32)
    for index, value in enumerate(values.tolist()):
        if value and value not in labels:
            raise DataError(f"segment id {value} has pixels but is not listed")
        table[index] = labels.get(value, 0) if value else 0
    lengths = np.diff(starts, append=flat.size)
    return np.repeat(table[inverse], lengths).reshape(ids.shape)


def finite_box(record: Any, name: object) -> None:
    """Check that the box of a record, if it has one, is four finite numbers, none of them a NaN."""
    box = record.get("bbox")
    if box is None:
        return
    numbers = isinstance(box, list) and len(box) == 4
    if not numbers or not all(isinstance(v, int | float) and math.isfinite(v) for v in box):
        raise DataError(f"segment {name} has no finite box: {box}")
