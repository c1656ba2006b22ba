"""One `shapes` scene: stuff, an ignored patch or a crowd now and then, and things that overlap."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from unigs.datasets.shapes.ground import StuffClass, noise, paint_ground
from unigs.datasets.shapes.things import THINGS, Sprite, ThingClass, draw_thing

DESIGN_SIZE = 64
MIN_SHARE = 0.015
MIN_VISIBLE = 0.6
CROWD_RATE = 0.05
VOID_RATE = 0.1
TRIES = 12
# Few things are commoner than many, as in photographs.
THING_COUNTS = (0.22, 0.24, 0.2, 0.15, 0.11, 0.08)
THING_SIDES = (18, 34)
SHADOW = 0.4


@dataclass(frozen=True, slots=True)
class Segment:
    """One annotated region of a drawn scene: its label in the map, its class, whether a crowd."""

    label: int
    kind: ThingClass | StuffClass
    crowd: bool


@dataclass(frozen=True, slots=True)
class Drawing:
    """A drawn scene.

    Attributes:
        image: (size, size, 3) uint8.
        labels: (size, size) int32, 0 = nothing, else the label of a segment.
        segments: what the labels are; each covers at least one pixel.
    """

    image: np.ndarray
    labels: np.ndarray
    segments: tuple[Segment, ...]


class _Canvas:
    """The scene while it is painted from back to front."""

    def __init__(self, size: int, rng: np.random.Generator) -> None:
        self.size = size
        self.rng = rng
        self.unit = size / DESIGN_SIZE
        angle = rng.uniform(math.pi * 1.15, math.pi * 1.85)
        self.light = (math.cos(angle), math.sin(angle))
        self.image, self.labels, stuff = paint_ground(size, rng)
        self.segments = [Segment(i + 1, kind, False) for i, kind in enumerate(stuff)]
        # how many pixels each label must keep for the next thing to be placed
        self.required = [0.0] * (len(stuff) + 1)

    def place(self, sprite: Sprite, x: int, y: int) -> tuple[tuple[slice, slice], Sprite] | None:
        """Return the part of a sprite centred on pixel (x, y) that lies in the image."""
        radius = len(sprite.coverage) // 2
        left, top = x - radius, y - radius
        rows = slice(max(top, 0), min(top + 2 * radius + 1, self.size))
        columns = slice(max(left, 0), min(left + 2 * radius + 1, self.size))
        if rows.start >= rows.stop or columns.start >= columns.stop:
            return None
        part = (
            slice(rows.start - top, rows.stop - top),
            slice(columns.start - left, columns.stop - left),
        )
        cut = Sprite(sprite.coverage[part], sprite.soft[part], sprite.color[part])
        return (rows, columns), cut

    def paint(self, sprite: Sprite, x: int, y: int, side: float) -> None:
        """Composite a sprite and the shadow it casts."""
        reach = side * 0.16
        shadow = self.place(
            sprite, x - round(self.light[0] * reach), y - round(self.light[1] * reach)
        )
        if shadow is not None:
            window, cut = shadow
            self.image[window] *= (1 - SHADOW * cut.soft)[..., None]
        placed = self.place(sprite, x, y)
        if placed is not None:
            window, cut = placed
            below = self.image[window]
            below += (cut.color - below) * cut.coverage[..., None]

    def add_thing(self, kind: ThingClass) -> bool:
        """Place one thing where it hides nothing too much; False if no place is found."""
        rng = self.rng
        side = rng.uniform(*THING_SIDES) * self.unit
        offset = (rng.uniform(-0.5, 0.5), rng.uniform(-0.5, 0.5))
        sprite = draw_thing(kind, side, offset, self.light, rng)
        whole = int((sprite.coverage >= 0.5).sum())
        required = max(MIN_VISIBLE * whole, MIN_SHARE * self.size * self.size)
        margin = round(side * 0.38)
        for _ in range(TRIES):
            x, y = (int(v) for v in rng.integers(margin, self.size - margin, 2))
            placed = self.place(sprite, x, y)
            if placed is None:
                continue
            window, cut = placed
            labels = self.labels.copy()
            labels[window][cut.coverage >= 0.5] = len(self.required)
            left = np.bincount(labels.ravel(), minlength=len(self.required) + 1)
            if np.all(left >= [*self.required, required]):
                self.labels = labels
                self.segments.append(Segment(len(self.required), kind, False))
                self.required.append(required)
                self.paint(sprite, x, y, side)
                return True
        return False

    def add_crowd(self) -> None:
        """A dense cluster of small things of one class, annotated as a single region."""
        rng = self.rng
        kind = THINGS[rng.integers(len(THINGS))]
        centre = rng.uniform(0.25, 0.75, 2) * self.size
        spread = rng.uniform(6, 9, 2) * self.unit
        region = np.zeros((self.size, self.size), dtype=np.float32)
        for _ in range(int(rng.integers(12, 20))):
            side = rng.uniform(6, 8.5) * self.unit
            angle, distance = rng.uniform(0, 2 * math.pi), math.sqrt(rng.random())
            x = int(centre[0] + spread[0] * distance * math.cos(angle))
            y = int(centre[1] + spread[1] * distance * math.sin(angle))
            sprite = draw_thing(kind, side, (0.0, 0.0), self.light, rng)
            self.paint(sprite, x, y, side)
            placed = self.place(sprite, x, y)
            if placed is not None:
                window, cut = placed
                np.maximum(region[window], cut.soft, out=region[window])
        label = len(self.required)
        self.labels[region > 0.2] = label
        self.segments.append(Segment(label, kind, True))
        self.required.append(0.0)

    def protect(self) -> None:
        """From here on nothing may hide what is there but in part."""
        areas = np.bincount(self.labels.ravel(), minlength=len(self.required))
        enough = MIN_SHARE * self.size * self.size
        for segment in self.segments:
            most = MIN_VISIBLE * float(areas[segment.label])
            self.required[segment.label] = most if segment.crowd else min(most, enough)

    def add_void(self) -> None:
        """A dark patch that nobody annotated: a ragged blob or a strip across the image."""
        rng = self.rng
        ragged = 0.25 * noise(rng, self.size, 7)
        steps = (np.arange(self.size, dtype=np.float32) + 0.5) / self.size
        x = steps[None, :] - np.float32(rng.uniform(0.15, 0.85))
        y = steps[:, None] - np.float32(rng.uniform(0.15, 0.85))
        if rng.random() < 0.5:
            slope = np.float32(rng.uniform(-0.6, 0.6))
            away = np.abs(y - slope * x) / np.float32(rng.uniform(0.05, 0.09))
        else:
            away = np.sqrt(x * x + y * y) / np.float32(rng.uniform(0.1, 0.17))
        inside = np.clip((1 + ragged - away) * 3, 0, 1)
        dark = np.asarray(rng.uniform(0.05, 0.3, 3), dtype=np.float32)
        patch = dark * (1 + 0.5 * noise(rng, self.size, 24))[..., None]
        self.image += (patch - self.image) * inside[..., None]
        self.labels[inside >= 0.5] = 0


def draw_scene(size: int, rng: np.random.Generator) -> Drawing:
    """Draw one scene.

    Args:
        size: side in pixels; everything in the scene scales with it.
        rng: decides everything, so that equal states draw equal bytes.
    """
    canvas = _Canvas(size, rng)
    if rng.random() < VOID_RATE:
        canvas.add_void()
    if rng.random() < CROWD_RATE:
        canvas.add_crowd()
    canvas.protect()
    wanted = 1 + int(rng.choice(len(THING_COUNTS), p=THING_COUNTS))
    kinds: list[ThingClass] = []
    while len(kinds) < wanted:
        again = kinds and rng.random() < 0.4
        kinds.append(kinds[-1] if again else THINGS[rng.integers(len(THINGS))])
    for kind in kinds:
        canvas.add_thing(kind)
    exposure = np.float32(rng.uniform(0.85, 1.08) * 255)
    image = np.clip(np.rint(canvas.image * exposure), 0, 255).astype(np.uint8)
    present = np.bincount(canvas.labels.ravel(), minlength=len(canvas.required))
    kept = tuple(segment for segment in canvas.segments if present[segment.label])
    return Drawing(image, canvas.labels, kept)
