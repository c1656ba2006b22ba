"""The stuff of the `shapes` scenes: textured regions with smooth borders."""

from __future__ import annotations

import colorsys
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

Painter = Callable[[int, np.random.Generator], np.ndarray]


@dataclass(frozen=True, slots=True)
class StuffClass:
    """How the regions of one class look.

    Attributes:
        name: the class name.
        category_id: its id in the annotation.
        high: it belongs into the upper part of a scene.
        low: it belongs into the lower part.
        paint: (size, rng) -> (size, size, 3) float32, its texture over the whole image.
    """

    name: str
    category_id: int
    high: bool
    low: bool
    paint: Painter


def noise(rng: np.random.Generator, size: int, cells: int, rows: int | None = None) -> np.ndarray:
    """Return (size, size) float32 smooth noise in about [-1, 1]: `cells` x `rows` random knots."""
    knots = rng.random((rows or cells, cells), dtype=np.float32) * 2 - 1
    return np.asarray(Image.fromarray(knots).resize((size, size), Image.Resampling.BICUBIC))


def _color(
    rng: np.random.Generator,
    hue: float,
    saturation: tuple[float, float],
    value: tuple[float, float],
) -> np.ndarray:
    turned = (hue + rng.uniform(-14, 14)) / 360 % 1
    rgb = colorsys.hsv_to_rgb(turned, rng.uniform(*saturation), rng.uniform(*value))
    return np.asarray(rgb, dtype=np.float32)


def _ramp(size: int) -> np.ndarray:
    """Return (size, 1) float32 from 0 at the top to 1 at the bottom."""
    return np.linspace(0, 1, size, dtype=np.float32)[:, None]


def _sky(size: int, rng: np.random.Generator) -> np.ndarray:
    base = _color(rng, 207, (0.3, 0.65), (0.75, 0.95))
    clouds = np.clip(noise(rng, size, 4, 7) * 1.6 - 0.2, 0, 0.75) + 0.45 * _ramp(size)
    return base + (1 - base) * np.clip(clouds, 0, 0.9)[..., None]


def _grass(size: int, rng: np.random.Generator) -> np.ndarray:
    base = _color(rng, 105, (0.4, 0.7), (0.35, 0.6))
    blades = 0.22 * noise(rng, size, 40, 14) + 0.14 * noise(rng, size, 5)
    return base * (0.85 + 0.3 * _ramp(size) + blades)[..., None]


def _water(size: int, rng: np.random.Generator) -> np.ndarray:
    base = _color(rng, 200, (0.55, 0.85), (0.4, 0.65))
    swell = _ramp(size) * np.float32(rng.uniform(7, 11)) + 0.45 * noise(rng, size, 5)
    crest = np.abs((swell - np.floor(swell)) * 2 - 1)
    return base * (0.8 + 0.4 * crest)[..., None] + (0.1 * crest * crest)[..., None]


def _sand(size: int, rng: np.random.Generator) -> np.ndarray:
    base = _color(rng, 40, (0.25, 0.5), (0.7, 0.92))
    grain = 0.09 * noise(rng, size, 48) + 0.14 * noise(rng, size, 3, 6)
    return base * (0.92 + grain)[..., None]


def _wall(size: int, rng: np.random.Generator) -> np.ndarray:
    base = _color(rng, 12, (0.2, 0.55), (0.45, 0.7))
    rows, columns = rng.uniform(8, 12), rng.uniform(4, 6)
    y = _ramp(size) * np.float32(rows)
    course = np.floor(y)
    x = _ramp(size).T * np.float32(columns) + 0.5 * (course % 2)
    mortar = (y - course < 0.2) | (x - np.floor(x) < 0.1)
    tone = 0.1 * noise(rng, size, round(columns * 2), round(rows))
    return np.where(mortar[..., None], base * 0.4 + 0.45, base * (1 + tone)[..., None])


def _snow(size: int, rng: np.random.Generator) -> np.ndarray:
    base = _color(rng, 215, (0.02, 0.14), (0.86, 0.98))
    drifts = 0.1 * noise(rng, size, 3, 5) + 0.03 * noise(rng, size, 32)
    return base * (0.93 + drifts)[..., None]


STUFF: tuple[StuffClass, ...] = (
    StuffClass("sky", 9, True, False, _sky),
    StuffClass("wall", 10, True, False, _wall),
    StuffClass("water", 11, True, True, _water),
    StuffClass("grass", 12, True, True, _grass),
    StuffClass("sand", 13, False, True, _sand),
    StuffClass("snow", 14, False, True, _snow),
)


def paint_ground(
    size: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, tuple[StuffClass, ...]]:
    """Lay out two or three regions of different classes.

    Args:
        size: side of the image in pixels.
        rng: draws classes, layout and textures.

    Returns:
        image: (size, size, 3) float32 in about [0, 1].
        labels: (size, size) int32, i + 1 where region i is.
        classes: the class of each region.
    """
    three = rng.random() < 0.55
    upper = [kind for kind in STUFF if kind.high]
    first = upper[rng.choice(len(upper), p=[0.42, 0.28, 0.15, 0.15])]
    lower = [kind for kind in STUFF if kind.low and kind is not first]
    picks = rng.permutation(len(lower))[: 2 if three else 1]
    classes = (first, *(lower[pick] for pick in picks))

    image = classes[0].paint(size, rng)
    labels = np.ones((size, size), dtype=np.int32)
    horizon = rng.uniform(0.28, 0.42) if three else rng.uniform(0.3, 0.65)
    side_by_side = three and rng.random() < 0.5
    for index, kind in enumerate(classes[1:]):
        if index == 0:
            inside = _beyond(_border(size, rng, horizon, 0.25), size)
        elif side_by_side:
            inside = _beyond(_border(size, rng, rng.uniform(0.35, 0.65), 0.5), size).T
            # the second region of the lower half stays below the horizon
            inside = np.minimum(inside, _previous(labels))
        else:
            inside = _beyond(_border(size, rng, rng.uniform(0.62, 0.74), 0.25), size)
        image = image + (kind.paint(size, rng) - image) * inside[..., None]
        labels[inside >= 0.5] = index + 2
    return image, labels, classes


def _previous(labels: np.ndarray) -> np.ndarray:
    return (labels == 2).astype(np.float32)


def _border(size: int, rng: np.random.Generator, height: float, slant: float) -> np.ndarray:
    """Return (size,) float32: the position of a slanted wavy line in pixels, at every pixel
    across."""
    across = (np.arange(size) + 0.5) / size
    line = height + rng.uniform(-slant, slant) * (across - 0.5)
    for waves in (1, 2.5):
        phase = rng.uniform(0, 2 * math.pi)
        line += rng.uniform(0, 0.045) / waves * np.sin(2 * math.pi * waves * across + phase)
    return (line * size).astype(np.float32)


def _beyond(border: np.ndarray, size: int) -> np.ndarray:
    """Return (size, size) float32: share of each pixel below the border."""
    rows = np.arange(size, dtype=np.float32)[:, None] + 1
    return np.clip(rows - border[None, :], 0, 1)
