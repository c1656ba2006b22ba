"""Segmentation of pictures larger than the model was trained for, tile by tile."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from unigs.config.seeds import whole_number
from unigs.errors import ConfigError
from unigs.metrics.matching import overlap as shared_pixels
from unigs.pipeline.initial_noise import seeded_generator
from unigs.pipeline.inputs import Picture, as_mask, as_rgb, opened
from unigs.pipeline.output import (
    EntityPrediction,
    UniGSOutput,
    check_merged_call,
    describe_entities,
)
from unigs.tasks import task_named

__all__ = ["predict_in_tiles"]


def predict_in_tiles(
    pipeline: Any,
    task: str,
    image: Picture,
    coarse_mask: Picture | None = None,
    tile: int | None = None,
    overlap: float = 0.25,
    join: float = 0.5,
    seed: int = 0,
    **call: Any,
) -> UniGSOutput:
    """Segment one picture in overlapping square tiles and join their entities.

    Entities of two tiles become one when, within the tiles' common area, their IoU is above
    `join`; joined entities score the mean over their pixels. Tiles without a pixel of the coarse
    mask are skipped.

    Args:
        task: `referring` or `entity`.
        image: as the pipeline takes it.
        coarse_mask: likewise, for `referring`.
        tile: side in pixels; the size the model was trained at if None.
        overlap: share of a tile that it has in common with its neighbour.
        seed: of the noise, the same in each tile.
        call: the other arguments of the pipeline call.

    Raises:
        ConfigError: a task that generates images, a tile size that the model does not say or
            that is no number of pixels, an overlap outside 0 to 1, or a call that cannot be merged.
        DataError: a file that does not open.
    """
    kind = task_named(task)
    if kind.new_image:
        raise ConfigError(f"tiles: {task} generates one image", hint="use referring or entity")
    side = pipeline.config["size"] if tile is None else whole_number(tile)
    if tile is None and side is None:
        raise ConfigError("tile: the model does not say its size", hint="give a side in pixels")
    if side is None or side < 1:
        raise ConfigError(f"tile {tile!r}", hint="give a side in whole pixels, at least 1")
    if not 0 <= overlap < 1:
        raise ConfigError(f"overlap {overlap}", hint="give a share from 0 to below 1")
    check_merged_call(call, ("generator",))
    pixels = as_rgb(opened(image), "image")
    height, width = pixels.shape[:2]
    mask = None
    if coarse_mask is not None:
        mask = as_mask(opened(coarse_mask), 0, (height, width))
    merged = _Mosaic(height, width)
    for top in starts(height, side, overlap):
        for left in starts(width, side, overlap):
            window = np.s_[top : top + side, left : left + side]
            given = {**call, "task": task, "generator": seeded_generator(seed)}
            if mask is not None:
                if not mask[window].any():
                    continue
                given["coarse_mask"] = mask[window]
            prediction = pipeline(image=pixels[window], **given)
            merged.add(top, left, prediction, join)
    return merged.output(pixels)


def starts(length: int, side: int, overlap: float) -> list[int]:
    """Return where tiles begin along a length: at most `side * (1 - overlap)` apart, evenly, the
    last one ending with the picture."""
    if length <= side:
        return [0]
    count = int(np.ceil((length - side) / max(side * (1 - overlap), 1))) + 1
    return [round(index * (length - side) / (count - 1)) for index in range(count)]


class _Mosaic:
    """Entities of the tiles so far: global labels, and a forest of which are the same."""

    def __init__(self, height: int, width: int) -> None:
        self.segments = np.zeros((height, width), dtype=np.int64)
        self.colormap = np.zeros((height, width, 3), dtype=np.uint8)
        self.tiles: list[tuple[int, int, np.ndarray]] = []
        self.parents = [0]
        self.entities: list[EntityPrediction] = []

    def add(self, top: int, left: int, prediction: UniGSOutput, join: float) -> None:
        """Paste a tile's prediction below the others and join its entities to theirs."""
        (found,), (entities,) = prediction.segments, prediction.entities  # type: ignore[misc]
        labels = np.where(found > 0, found + np.int64(len(self.entities)), 0)
        self.entities += entities
        self.parents += range(len(self.parents), len(self.entities) + 1)
        for other_top, other_left, other in self.tiles:
            self._join(top - other_top, left - other_left, other, labels, join)
        self.tiles.append((top, left, labels))
        window = np.s_[top : top + labels.shape[0], left : left + labels.shape[1]]
        empty = (self.segments[window] == 0) & (labels > 0)
        self.segments[window][empty] = labels[empty]
        self.colormap[window][empty] = prediction.colormaps[0][empty]

    def _join(
        self, down: int, right: int, first: np.ndarray, second: np.ndarray, join: float
    ) -> None:
        """Join entities of two tiles, `second` lying (down, right) of `first`."""
        a = first[max(down, 0) :, max(right, 0) :]
        b = second[max(-down, 0) :, max(-right, 0) :]
        height, width = min(a.shape[0], b.shape[0]), min(a.shape[1], b.shape[1])
        if height < 1 or width < 1:
            return
        both = shared_pixels(a[:height, :width], b[:height, :width])
        for i, j in zip(*np.nonzero(both.iou > join), strict=True):
            labels = int(both.gt_labels[i]), int(both.pred_labels[j])
            roots = sorted(self._root(label) for label in labels)
            self.parents[roots[1]] = roots[0]

    def _root(self, label: int) -> int:
        while self.parents[label] != label:
            label = self.parents[label]
        return label

    def output(self, pixels: np.ndarray) -> UniGSOutput:
        """Return the joined entities of the whole picture."""
        roots = np.array([self._root(label) for label in range(len(self.parents))])
        areas = np.array([0, *(entity.area for entity in self.entities)])
        scores = np.array([0, *(entity.score for entity in self.entities)])
        total = np.bincount(roots, areas, len(roots))
        weighted = np.bincount(roots, areas * scores, len(roots)) / np.maximum(total, 1)
        names = [entity.class_name for entity in self.entities]
        segments, entities = describe_entities(roots[self.segments], weighted[1:], names)
        return UniGSOutput(
            images=[Image.fromarray(pixels)],
            colormaps=self.colormap[None],
            segments=segments[None],
            entities=[entities],
        )
