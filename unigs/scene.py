"""Scene and Entity: the only records that flow from the readers to the tasks."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from unigs.io.image_file import read_image

__all__ = ["Entity", "Quarantined", "Scene"]


# Entities of a scene in a text.
_PRINTED = 10


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
        turned: the pixels are those of the file turned as its EXIF record says.
        file_name: what the data set calls the image, where the key does not tell it.
        notes: assumptions made in reading it, one sentence each.
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
    turned: bool = False
    file_name: str | None = None
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        names = ", ".join(entity.class_name for entity in self.entities[:_PRINTED])
        more = ", ..." if len(self.entities) > _PRINTED else ""
        size = f"{self.width}x{self.height}"
        return f"Scene({self.dataset} {self.split} {self.key}, {size}: {names}{more})"

    @property
    def height(self) -> int:
        """In pixels."""
        return int(self.segments.shape[0])

    @property
    def width(self) -> int:
        """In pixels."""
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
        """Read the image, in the annotated orientation: (h, w, 3) uint8 RGB.

        Raises:
            DataError: the file is missing, broken or no longer of the size of the annotation.
        """
        return read_image(self.image_file, (self.height, self.width), upright=self.turned)


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A quarantined record, with the reason.

    Attributes:
        file: the file at fault, relative to the root of the data set.
        record: the record in it ("image 139", "segment 8345037", "line 12").
        reason: one line.
    """

    file: str
    record: str
    reason: str


def labels_mask(segments: np.ndarray, labels: Iterable[int]) -> np.ndarray:
    """Return (h, w) bool: where `segments` holds one of `labels`."""
    chosen = np.zeros(int(segments.max(initial=0)) + 1, dtype=bool)
    chosen[[label for label in labels if 0 <= label < len(chosen)]] = True
    return chosen[segments]


@dataclass(frozen=True, slots=True, eq=False)
class Measures:
    """Size and place of the labels 0..n of a label map.

    Attributes:
        areas: (n + 1,) int64, pixels.
        centroids: (n + 1, 2) float64, (x, y) mean pixel indices; NaN where the area is 0.
        boxes: (n + 1, 4) int64, x0, y0, x1, y1, right and bottom exclusive; where the area is 0,
            x1 <= x0.
    """

    areas: np.ndarray
    centroids: np.ndarray
    boxes: np.ndarray


def measure_labels(segments: np.ndarray, count: int) -> Measures:
    """Measure the labels 0..count of a label map (h, w), which holds no others."""
    height, width = segments.shape
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

    boxes = np.tile(np.array([width, height, 0, 0]), (count + 1, 1))
    np.minimum.at(boxes[:, 0], owners, columns)
    np.minimum.at(boxes[:, 1], owners, rows)
    np.maximum.at(boxes[:, 2], owners, columns + lengths)
    np.maximum.at(boxes[:, 3], owners, rows + 1)
    areas = total(lengths)
    sums = np.stack([total(lengths * middles), total(lengths * rows)], axis=1)
    with np.errstate(invalid="ignore"):
        return Measures(areas.astype(np.int64), sums / areas[:, None], boxes)


def entities_of(segments: np.ndarray, known: Iterable[Entity]) -> tuple[Entity, ...]:
    """Measure again after a transform: the entities still visible, with their ids unchanged.

    Args:
        segments: (h, w) int32, labels are ids of `known`.
        known: entities before the transform.
    """
    known = tuple(known)
    count = max((entity.id for entity in known), default=0)
    return measured(known, measure_labels(segments, max(count, int(segments.max(initial=0)))))


def measured(known: Iterable[Entity], measures: Measures) -> tuple[Entity, ...]:
    """Return the entities that have pixels, with the area and centroid of their label."""
    areas, centroids = measures.areas, measures.centroids
    return tuple(
        replace(
            entity,
            area=int(areas[entity.id]),
            centroid=(float(centroids[entity.id, 0]), float(centroids[entity.id, 1])),
        )
        for entity in known
        if areas[entity.id] > 0
    )
