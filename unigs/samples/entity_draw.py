"""Which entities of a cropped scene a sample takes, and what its prompt names."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from unigs.errors import ConfigError, UnigsError
from unigs.io.label_kernels import count_inside, look_up
from unigs.samples.coarse_mask import coarse_mask
from unigs.samples.options import MAX_LABELS, SampleOptions
from unigs.scene import Entity, Scene, measure_labels, measured
from unigs.tasks import Task

# At a referring sample, before its scene is skipped (docs/shards.md).
ATTEMPTS = 16


class NoSample(UnigsError):
    """A scene is skipped for a task; ``reason`` is one of a few fixed phrases."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What a sample is made of.

    Attributes:
        target: labels of the entities in the colormap.
        coarse_mask: (h, w) bool.
        names: per sampled class, larger first, (class, name in the prompt); the two differ for
            a negative.
        redrawn: draws thrown away before this one.
    """

    target: list[int]
    coarse_mask: np.ndarray
    names: tuple[tuple[str, str], ...] = ()
    redrawn: int = 0


class EntityDraw:
    """One draw: the cropped scene, what may be sampled, the generator.

    ``counts`` says how many entities each filter removed; ``boxes[label]`` is the x0, y0, x1, y1
    of a label.
    """

    def __init__(
        self, segments: np.ndarray, scene: Scene, options: SampleOptions, rng: np.random.Generator
    ) -> None:
        self.segments, self.options, self.rng = segments, options, rng
        known = (*scene.entities, *scene.crowd)
        count = max((entity.id for entity in known), default=0)
        measures = measure_labels(segments, max(count, int(segments.max(initial=0))))
        visible = measured(known, measures)
        self.entities = {entity.id: entity for entity in visible if not entity.crowd}
        self.crowd = {entity.id: entity for entity in visible if entity.crowd}
        self.boxes = measures.boxes
        least = options.min_area * segments.size
        self.eligible = [e.id for e in self.entities.values() if e.area >= least]
        self.counts = {"outside_crop": len(scene.entities) - len(self.entities)}

    def choose(self, task: Task) -> Choice:
        """Draw the entities of a sample; NoSample if there are none to draw."""
        everywhere = np.ones(self.segments.shape, dtype=bool)
        if not self.entities:
            raise NoSample("no entity in the crop")
        if task.entities == "all":
            largest = by_area(self.entities.values())[:MAX_LABELS]
            self.counts["too_many"] = len(self.entities) - len(largest)
            return Choice([entity.id for entity in largest], everywhere)
        self.counts["too_small"] = len(self.entities) - len(self.eligible)
        if not self.eligible:
            raise NoSample("every entity is too small")
        if len(self.eligible) < self.options.min_entities:
            raise NoSample("fewer entities than min_entities")
        if task.entities == "named":
            return self._referring()
        chosen = self._pick()
        mask = everywhere if task.coarse == "full" else self._coarse(chosen)
        return Choice(chosen, mask, tuple((name, name) for name in self._classes(chosen)))

    def relabel(self, labels: Iterable[int]) -> tuple[np.ndarray, list[Entity]]:
        """Return (h, w) int32 with ids from 1, larger entities first, and the entities in that
        order."""
        order = by_area(self.entities[label] for label in labels)
        table = np.zeros(len(self.boxes), dtype=np.int32)
        table[[entity.id for entity in order]] = np.arange(1, len(order) + 1)
        return look_up(self.segments, table), order

    def _pick(self) -> list[int]:
        most = min(self.options.max_entities, len(self.eligible))
        count = int(self.rng.integers(self.options.min_entities, most + 1))
        return [int(label) for label in self.rng.choice(self.eligible, count, replace=False)]

    def _classes(self, chosen: list[int]) -> list[str]:
        areas: dict[str, int] = {}
        for entity in (self.entities[label] for label in chosen):
            areas[entity.class_name] = areas.get(entity.class_name, 0) + entity.area
        return sorted(areas, key=lambda name: (-areas[name], name))

    def _coarse(self, labels: list[int]) -> np.ndarray:
        height, width = self.segments.shape
        o = self.options
        return coarse_mask(
            self.boxes[labels].astype(np.float64),
            height,
            width,
            self.rng,
            o.coarse_kind,
            o.curve_probability,
            o.extension,
            o.cover,
            o.curve_share,
        )

    def _referring(self) -> Choice:
        o = self.options
        if max(o.negative_probability, o.all_negative) > 0 and not o.class_names:
            raise ConfigError(
                "referring samples with negatives need the class names of the data set",
                hint="give class_names, or negative_probability 0 and all_negative 0",
            )
        # Once per sample: an attempt that fails must not change how many are negative throughout.
        throughout = o.all_negative > 0 and self.rng.uniform() < o.all_negative
        for attempt in range(ATTEMPTS):
            choice = self._attempt(attempt, 1.0 if throughout else o.negative_probability)
            if choice is not None:
                return choice
        raise NoSample("no prompt fits the coarse mask")

    def _attempt(self, attempt: int, negative_probability: float) -> Choice | None:
        chosen = self._pick()
        classes = self._classes(chosen)
        drawn = self.rng.uniform(size=len(classes)) < negative_probability
        negative = {name for name, flag in zip(classes, drawn, strict=True) if flag}
        mask = self._coarse(chosen)
        # A mask that grew by one entity may hold the next of a named class.
        while more := self._left_out(mask, set(classes) - negative, set(chosen)):
            too_many = len(chosen) + len(more) > self.options.max_entities
            if too_many or any(label in self.crowd for label in more):
                return None
            chosen += more
            mask |= self._coarse(more)
        absent = self._absent(mask, negative)
        if absent is None:
            return None
        self.counts["negative"] = len(absent)
        return Choice(
            [label for label in chosen if self.entities[label].class_name not in negative],
            mask,
            tuple((name, absent.get(name, name)) for name in self._classes(chosen)),
            redrawn=attempt,
        )

    def _present(self, mask: np.ndarray, share: float) -> list[int]:
        """Return the labels of which at least ``share`` of the area, and one pixel, lies in the
        mask."""
        known = self.entities | self.crowd
        inside = count_inside(self.segments, mask, len(self.boxes))
        return [i for i, entity in known.items() if inside[i] >= max(1, share * entity.area)]

    def _left_out(self, mask: np.ndarray, named: set[str], chosen: set[int]) -> list[int]:
        known = self.entities | self.crowd
        present = self._present(mask, self.options.inside)
        return [i for i in present if known[i].class_name in named and i not in chosen]

    def _absent(self, mask: np.ndarray, negative: set[str]) -> dict[str, str] | None:
        """Return a name that is not in the mask for each negative class; None if there are too
        few."""
        if not negative:
            return {}
        known = self.entities | self.crowd
        present = {known[label].class_name for label in self._present(mask, 0.0)}
        free = sorted(set(self.options.class_names) - present)
        if len(free) < len(negative):
            return None
        drawn = self.rng.choice(len(free), len(negative), replace=False)
        return {old: free[int(index)] for old, index in zip(sorted(negative), drawn, strict=True)}


def by_area(entities: Iterable[Entity]) -> list[Entity]:
    """Larger entities first; equal areas by id."""
    return sorted(entities, key=lambda entity: (-entity.area, entity.id))
