"""Scenes as arrays of one size, for the evaluators that are trained on them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unigs.errors import DataError
from unigs.samples.transforms import resize_and_crop
from unigs.scene import Scene


@dataclass(frozen=True, slots=True, eq=False)
class SceneArrays:
    """``n`` scenes at one size.

    ``images`` (n, s, s, 3) uint8; ``segments`` (n, s, s) int32, entity ids of the scene, 0 where
    there is none or a crowd; ``classes`` (n, s, s) int64, 0 = unlabelled, else 1 + index into
    ``names``; ``names`` sorted class names; ``things`` those of them that are countable.
    """

    images: NDArray[np.uint8]
    segments: NDArray[np.int32]
    classes: NDArray[np.int64]
    names: tuple[str, ...]
    things: frozenset[str]

    def split(self, share: float) -> tuple[SceneArrays, SceneArrays]:
        """Return the first scenes and the last ``share`` of them (at least one), to be held out."""
        cut = len(self.images) - max(1, round(share * len(self.images)))
        if cut < 1:
            raise DataError(f"{len(self.images)} scenes cannot be split; give at least two")
        return self._take(slice(None, cut)), self._take(slice(cut, None))

    def _take(self, part: slice) -> SceneArrays:
        return SceneArrays(
            self.images[part], self.segments[part], self.classes[part], self.names, self.things
        )


def gather(scenes: Iterable[Scene], size: int, limit: int | None = None) -> SceneArrays:
    """Read up to ``limit`` scenes, centre-cropped to ``size``; raises DataError on none."""
    images, segments, labels, names, things = [], [], [], set[str](), set[str]()
    for number, scene in enumerate(scenes):
        if number == limit:
            break
        image, cropped = resize_and_crop(scene.image(), scene.segments, size)
        named = {entity.id: entity.class_name for entity in scene.entities}
        things.update(entity.class_name for entity in scene.entities if entity.is_thing)
        names.update(named.values())
        images.append(image)
        segments.append(np.where(np.isin(cropped, list(named)), cropped, 0).astype(np.int32))
        labels.append(named)
    if not images:
        raise DataError("no scene to train an evaluator on; check the data set's train split")
    ordered = tuple(sorted(names))
    index = {name: number for number, name in enumerate(ordered, start=1)}
    classes = np.zeros((len(images), size, size), np.int64)
    for i, named in enumerate(labels):
        table = np.zeros(max(named, default=0) + 1, np.int64)
        for label, name in named.items():
            table[label] = index[name]
        classes[i] = table[segments[i]]
    return SceneArrays(np.stack(images), np.stack(segments), classes, ordered, frozenset(things))
