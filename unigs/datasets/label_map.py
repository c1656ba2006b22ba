"""From a map of a data set's own ids to the compact labels of a scene."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from unigs.datasets.dataset import Category, Dataset
from unigs.datasets.photo import Photo, annotation_digest
from unigs.datasets.scene_keys import name_beside
from unigs.errors import DataError
from unigs.io.annotations.record_values import is_finite
from unigs.scene import Entity, Scene, measure_labels


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
    photo: Photo,
    *,
    key: str,
    dataset: Dataset,
    digest: str,
    licence: str | None,
    file_name: str,
    notes: Iterable[str] = (),
) -> Scene:
    """Build a scene whose labels run from 1 without gaps, crowd regions last.

    Args:
        ids: (h, w) integers, 0 = nothing, else the id of a region.
        regions: what the ids are.
        photo: the image.
        key: the key of the scene.
        dataset: where it comes from.
        digest: of the annotation.
        licence: of the image.
        file_name: the image in the words of the data set.
        notes: assumptions made in reading it, besides the notes of the photo.

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
    measures = measure_labels(segments, len(ordered))
    entities = []
    for label, region in enumerate(ordered, start=1):
        if not measures.areas[label]:
            raise DataError(f"segment id {region.id} is listed but has no pixel")
        x, y = measures.centroids[label]
        category = region.category
        entities.append(
            Entity(
                label,
                category.name,
                category.id,
                category.is_thing,
                int(measures.areas[label]),
                (float(x), float(y)),
                # JSON may hold halves of surrogate pairs, which no table takes
                region.source_id.encode("utf-8", "backslashreplace").decode(),
                region.crowd,
            )
        )
    return Scene(
        key=key,
        dataset=dataset.name,
        split=dataset.split,
        image_file=photo.file,
        segments=segments,
        entities=tuple(entity for entity in entities if not entity.crowd),
        crowd=tuple(entity for entity in entities if entity.crowd),
        image_digest=photo.digest,
        # a photograph that is turned is another one, though its bytes are the same
        annotation_digest=annotation_digest(digest, "turned") if photo.turned else digest,
        licence=licence,
        turned=photo.turned,
        file_name=name_beside(key, file_name),
        notes=(*photo.notes, *notes),
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
    starts = _run_starts(ids)
    values, inverse = np.unique(ids.ravel()[starts], return_inverse=True)
    table = np.zeros(len(values), dtype=np.int32)
    for index, value in enumerate(values.tolist()):
        if value and value not in labels:
            raise DataError(f"segment id {value} has pixels but is not listed")
        table[index] = labels.get(value, 0) if value else 0
    lengths = np.diff(starts, append=ids.size)
    return np.repeat(table[inverse], lengths).reshape(ids.shape)


def present_ids(ids: np.ndarray) -> list[int]:
    """Return the ids a map holds, ascending, 0 left out."""
    return [value for value in np.unique(ids.ravel()[_run_starts(ids)]).tolist() if value]


def _run_starts(ids: np.ndarray) -> np.ndarray:
    # ids come in runs along the rows: looking at each run once is far cheaper than at each pixel
    flat = ids.ravel()
    return np.concatenate([[0], np.flatnonzero(flat[1:] != flat[:-1]) + 1])


def check_box(box: Any) -> None:
    """DataError unless a box is absent or four finite numbers; it is used for nothing else."""
    if box is None or box == []:
        return
    if not isinstance(box, list) or len(box) != 4 or not all(map(is_finite, box)):
        raise DataError(f"box {box} is not four finite numbers")
