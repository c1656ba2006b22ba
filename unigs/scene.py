"""Scene and Entity: the only records that flow from the readers to the tasks."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from unigs.image_file import read_image


@dataclass(frozen=True, slots=True)
class Entity:
    """A thing or a stuff region of a scene.

    Attributes:
        id: its label in `Scene.segments`, from 1 without gaps.
        class_name: the class as a prompt names it ("pavement", never "pavement-merged").
        class_id: the id the data set gives the class.
        is_thing: countable object (True) or stuff region (False).
        area: visible pixels.
        centroid: (x, y) in pixels, the mean of the pixel indices.
        source_id: what the annotation calls it.
        crowd: a region of many instances annotated as one; never sampled.
    """

    id: int
    class_name: str
    class_id: int
    is_thing: bool
    area: int
    centroid: tuple[float, float]
    source_id: str
    crowd: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """One image with its entities.

    Attributes:
        key: unique in (dataset, split), of the characters [A-Za-z0-9_-].
        dataset: name of the data set.
        split: name of the split.
        image_file: the image, as the data set ships it.
        segments: (h, w) int32, 0 = nothing; the other labels are the ids of `entities` and `crowd`.
        entities: what can be sampled.
        crowd: crowd regions, void to every loss.
        image_digest: SHA-256 (hex) of the bytes of the image file.
        annotation_digest: SHA-256 (hex) of everything the annotation says of this image.
        licence: the licence of the image, where the data set names one.
    """

    key: str
    dataset: str
    split: str
    image_file: Path
    segments: np.ndarray
    entities: tuple[Entity, ...]
    crowd: tuple[Entity, ...]
    image_digest: str
    annotation_digest: str
    licence: str | None = None

    @property
    def height(self) -> int:
        return int(self.segments.shape[0])

    @property
    def width(self) -> int:
        return int(self.segments.shape[1])

    @property
    def valid(self) -> np.ndarray:
        """(h, w) bool: the pixel belongs to an entity that is no crowd."""
        return labels_mask(self.segments, (entity.id for entity in self.entities))

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the image and annotation digests."""
        return hashlib.sha256(f"{self.image_digest}{self.annotation_digest}".encode()).hexdigest()

    def image(self) -> np.ndarray:
        """Read the image: (h, w, 3) uint8 RGB, never rotated by EXIF.

        Raises:
            DataError: the file is missing, broken or no longer of the size of the annotation.
        """
        return read_image(self.image_file, expected_size=(self.height, self.width))


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A record that is refused, and why.

    Attributes:
        file: the file at fault, relative to the root of the data set.
        record: the record in it ("image 139", "segment 8345037", "line 12").
        reason: one line.
    """

    file: str
    record: str
    reason: str


def labels_mask(segments: np.ndarray, labels: Iterable[int]) -> np.ndarray:
    """(h, w) bool: where `segments` holds one of `labels`."""
    chosen = np.zeros(int(segments.max(initial=0)) + 1, dtype=bool)
    chosen[[label for label in labels if 0 <= label < len(chosen)]] = True
    return chosen[segments]


def areas_and_centroids(segments: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Measure the labels 0..count of a label map.

    Returns:
        areas: (count + 1,) int64, pixels.
        centroids: (count + 1, 2) float64, (x, y) mean pixel indices; NaN where the area is 0.
    """
    width = segments.shape[1]
    flat = segments.ravel()
    # a row of a label map is a few runs, and a run has its sums in closed form
    breaks = np.ones(flat.size, dtype=bool)
    np.not_equal(flat[1:], flat[:-1], out=breaks[1:])
    breaks[::width] = True
    starts = np.flatnonzero(breaks)
    lengths = np.diff(starts, append=flat.size)
    owners = flat[starts]
    rows, columns = np.divmod(starts, width)
    middles = columns + (lengths - 1) / 2

    def total(weights: np.ndarray) -> np.ndarray:
        return np.bincount(owners, weights=weights, minlength=count + 1)

    areas = total(lengths)
    sums = np.stack([total(lengths * middles), total(lengths * rows)], axis=1)
    with np.errstate(invalid="ignore"):
        return areas.astype(np.int64), sums / areas[:, None]


def entities_of(segments: np.ndarray, known: Iterable[Entity]) -> tuple[Entity, ...]:
    """Measure again after a transform: the entities still visible, with their ids unchanged.

    Args:
        segments: (h, w) int32, labels are ids of `known`.
        known: entities before the transform.
    """
    known = tuple(known)
    count = max((entity.id for entity in known), default=0)
    areas, centroids = areas_and_centroids(segments, max(count, int(segments.max(initial=0))))
    return tuple(
        replace(
            entity,
            area=int(areas[entity.id]),
            centroid=(float(centroids[entity.id, 0]), float(centroids[entity.id, 1])),
        )
        for entity in known
        if areas[entity.id] > 0
    )
