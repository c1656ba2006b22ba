"""Statistics of a data set: histograms and shares over its scenes index, without decoding masks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from unigs.index.scenes_index import ScenesIndex
from unigs.index.status import OK, QUARANTINED

GRIDS = tuple(range(1, 17))
# shares of the image: each bin is twice as wide as the one before
AREA_EDGES = tuple(2.0**-power for power in range(14, -1, -1))
_COLUMNS = [
    "status",
    "height",
    "width",
    "reason",
    *(
        f"entities.list.element.{name}"
        for name in ("class_name", "is_thing", "crowd", "area", "centroid_x", "centroid_y")
    ),
]


@dataclass(frozen=True, slots=True)
class SceneStatistics:
    """Statistics of one scenes index; crowd regions never count as entities.

    Attributes:
        images: scenes that can be used.
        entities: entities in all of them.
        things: those of them that are things.
        entities_per_image: number of entities -> number of images.
        class_counts: class name -> number of entities, the most frequent first.
        class_pixels: class name -> pixels, in the order of `class_counts`.
        area_counts: number of entities whose share of the image lies below each of `AREA_EDGES` and
            not below the edge before.
        labelled_share: mean over images of the share of pixels that belong to an entity.
        crowd_share: mean over images of the share of pixels in crowd regions.
        coverage: b -> share of entities that have a cell of the b x b grid to themselves, before
            any reassignment; NaN without entities.
        coverage_first: b -> share of entities that keep the colour of their cell when the first
            of several in a cell does; NaN without entities.
        quarantined: reason -> number of records.
    """

    images: int
    entities: int
    things: int
    entities_per_image: dict[int, int]
    class_counts: dict[str, int]
    class_pixels: dict[str, int]
    area_counts: tuple[int, ...]
    labelled_share: float
    crowd_share: float
    coverage: dict[int, float]
    coverage_first: dict[int, float]
    quarantined: dict[str, int]


def scene_statistics(index: ScenesIndex) -> SceneStatistics:
    """Measure an index in one pass."""
    per_image: Counter[int] = Counter()
    counts: Counter[str] = Counter()
    pixels: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    areas = np.zeros(len(AREA_EDGES), dtype=np.int64)
    alone = np.zeros(len(GRIDS), dtype=np.int64)
    first = np.zeros(len(GRIDS), dtype=np.int64)
    labelled = crowded = 0.0
    things = 0
    for row in index.rows(_COLUMNS):
        if row["status"] != OK:
            reasons.update([row["reason"]] * (row["status"] == QUARANTINED))
            continue
        size = row["height"] * row["width"]
        entities = [entity for entity in row["entities"] if not entity["crowd"]]
        shares = np.array([entity["area"] for entity in entities], dtype=np.float64) / size
        per_image[len(entities)] += 1
        things += sum(entity["is_thing"] for entity in entities)
        labelled += float(shares.sum())
        crowded += sum(entity["area"] for entity in row["entities"] if entity["crowd"]) / size
        for entity in entities:
            counts[entity["class_name"]] += 1
            pixels[entity["class_name"]] += entity["area"]
        bins = np.searchsorted(AREA_EDGES[:-1], shares, side="right")
        areas += np.bincount(bins, minlength=len(AREA_EDGES))
        centres = np.array([(e["centroid_x"], e["centroid_y"]) for e in entities]) + 0.5
        crowding = _crowding(centres / (row["width"], row["height"]))
        alone += [int((cells == 1).sum()) for cells in crowding]
        first += [int((cells > 0).sum()) for cells in crowding]
    images, entities_in_all = per_image.total(), counts.total()
    names = [name for name, _ in counts.most_common()]
    return SceneStatistics(
        images=images,
        entities=entities_in_all,
        things=things,
        entities_per_image=dict(sorted(per_image.items())),
        class_counts={name: counts[name] for name in names},
        class_pixels={name: pixels[name] for name in names},
        area_counts=tuple(areas.tolist()),
        labelled_share=labelled / images if images else float("nan"),
        crowd_share=crowded / images if images else float("nan"),
        coverage=_by_grid(alone, entities_in_all),
        coverage_first=_by_grid(first, entities_in_all),
        quarantined=dict(reasons.most_common()),
    )


def unseen_classes(
    train: Iterable[SceneStatistics], held_out: Iterable[SceneStatistics]
) -> dict[str, int]:
    """Return the classes of held-out scenes that no training scene has, by name over all data sets,
    and how many entities they have, the most frequent first."""
    seen = {name for statistics in train for name in statistics.class_counts}
    found: Counter[str] = Counter()
    for statistics in held_out:
        found.update({n: c for n, c in statistics.class_counts.items() if n not in seen})
    return dict(found.most_common())


def _by_grid(counts: np.ndarray, entities: int) -> dict[int, float]:
    return {
        grid: int(count) / entities if entities else float("nan")
        for grid, count in zip(GRIDS, counts, strict=True)
    }


def _crowding(centres: np.ndarray) -> list[np.ndarray]:
    """For each of `GRIDS`, how many of the centres (n, 2), in [0, 1], lie in each cell."""
    result = []
    for grid in GRIDS:
        column, row = np.clip((centres * grid).astype(np.int64), 0, grid - 1).T
        result.append(np.bincount(row * grid + column))
    return result
