"""The things of the `shapes` scenes: an outline, a range of hues and a texture for each class.

Lengths are in units of half the side of the thing, so that outlines lie in [-1, 1].
"""

from __future__ import annotations

import colorsys
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

Points = tuple[tuple[float, float], ...]
Texture = Callable[[np.ndarray, np.ndarray], np.ndarray]
SUPERSAMPLING = 4


@dataclass(frozen=True, slots=True)
class ThingClass:
    """How the things of one class look.

    Attributes:
        name: the class name.
        category_id: its id in the annotation.
        outline: polygon of the silhouette; a second polygon is a hole.
        hue: centre of its range of hues in degrees.
        turn: greatest rotation to either side in degrees.
        texture: (u, v) -> how far each pixel goes towards white (positive) or black, in [-1, 1].
    """

    name: str
    category_id: int
    outline: tuple[Points, ...]
    hue: float
    turn: float
    texture: Texture


@dataclass(frozen=True, slots=True)
class Sprite:
    """One rendered thing on a square patch whose centre is the centre of the thing.

    Attributes:
        coverage: (p, p) float32 in [0, 1], share of each pixel that the thing covers.
        soft: (p, p) float32 in [0, 1], the coverage blurred: its shadow.
        color: (p, p, 3) float32 in [0, 1], shaded.
    """

    coverage: np.ndarray
    soft: np.ndarray
    color: np.ndarray


def _circle(radius: float, sides: int = 40) -> Points:
    turns = [2 * math.pi * k / sides for k in range(sides)]
    return tuple((radius * math.cos(a), radius * math.sin(a)) for a in turns)


def _star() -> Points:
    radii = (1.05, 0.48)
    turns = [math.pi * k / 5 - math.pi / 2 for k in range(10)]
    return tuple(
        (radii[k % 2] * math.cos(a), radii[k % 2] * math.sin(a)) for k, a in enumerate(turns)
    )


def _cross(arm: float = 0.36) -> Points:
    corner = [(arm, -1.0), (arm, -arm), (1.0, -arm)]
    return tuple(
        turned
        for k in range(4)
        for turned in [[(x, y), (-y, x), (-x, -y), (y, -x)][k] for x, y in corner]
    )


def _moon() -> Points:
    # the outer unit circle and the inner circle of radius 0.8 about (0.5, 0) meet at +-0.85 radians
    meet_x = (0.5**2 - 0.8**2 + 1) / (2 * 0.5)
    outer_end = math.acos(meet_x)
    inner_end = math.atan2(math.sqrt(1 - meet_x**2), meet_x - 0.5)
    outer = [outer_end + (2 * math.pi - 2 * outer_end) * k / 30 for k in range(31)]
    inner = [2 * math.pi - inner_end - (2 * math.pi - 2 * inner_end) * k / 24 for k in range(25)]
    points = [(math.cos(a), math.sin(a)) for a in outer]
    points += [(0.5 + 0.8 * math.cos(a), 0.8 * math.sin(a)) for a in inner]
    return tuple((x + 0.3, y) for x, y in points)


def _heart() -> Points:
    turns = [2 * math.pi * k / 40 for k in range(40)]
    return tuple(
        (
            math.sin(a) ** 3,
            -(13 * math.cos(a) - 5 * math.cos(2 * a) - 2 * math.cos(3 * a) - math.cos(4 * a)) / 16
            - 0.12,
        )
        for a in turns
    )


def _band(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.where(np.abs(v) < 0.25, 0.6, 0.0)


def _frame(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.where(np.maximum(np.abs(u), np.abs(v)) < 0.45, 0.35, -0.1)


def _hoops(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.where((np.abs(v + 0.25) < 0.18) | (np.abs(v - 0.35) < 0.14), 0.75, 0.0)


def _glow(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.maximum(0.5 - (u * u + v * v), 0.0)


def _quarters(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.where(u * v > 0, 0.35, -0.2)


def _stripes(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    along = (u + v) * 2.2
    return np.where(along - np.floor(along) < 0.5, 0.3, -0.15)


def _craters(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    far = np.minimum((u + 0.35) ** 2 + (v - 0.45) ** 2, (u + 0.4) ** 2 + (v + 0.4) ** 2)
    return np.where(far < 0.05, -0.35, 0.25)


def _gloss(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.where((u + 0.42) ** 2 + (v + 0.42) ** 2 < 0.06, 0.7, 0.0)


_SQUARE: Points = ((-0.88, -0.88), (0.88, -0.88), (0.88, 0.88), (-0.88, 0.88))
_CONE: Points = (
    (-0.18, -1.0),
    (0.18, -1.0),
    (0.62, 0.62),
    (1.0, 0.62),
    (1.0, 0.95),
    (-1.0, 0.95),
    (-1.0, 0.62),
    (-0.62, 0.62),
)

THINGS: tuple[ThingClass, ...] = (
    ThingClass("ball", 1, (_circle(1.0),), 0, 180, _band),
    ThingClass("box", 2, (_SQUARE,), 100, 180, _frame),
    ThingClass("cone", 3, (_CONE,), 25, 40, _hoops),
    ThingClass("star", 4, (_star(),), 55, 180, _glow),
    ThingClass("ring", 5, (_circle(1.0), _circle(0.48)), 175, 180, _quarters),
    ThingClass("cross", 6, (_cross(),), 270, 180, _stripes),
    ThingClass("moon", 7, (_moon(),), 220, 180, _craters),
    ThingClass("heart", 8, (_heart(),), 320, 40, _gloss),
)


def draw_thing(
    kind: ThingClass,
    side: float,
    offset: tuple[float, float],
    light: tuple[float, float],
    rng: np.random.Generator,
) -> Sprite:
    """Render one thing.

    Args:
        kind: its class.
        side: its side in pixels.
        offset: (x, y) of its centre from the centre of the middle pixel, below one pixel.
        light: unit vector in the image plane towards the light.
        rng: draws rotation and colour.
    """
    radius = math.ceil(side * 0.68) + 2
    patch = 2 * radius + 1
    angle = math.radians(rng.uniform(-kind.turn, kind.turn))
    cos, sin, half = math.cos(angle), math.sin(angle), side / 2
    centre_x, centre_y = radius + offset[0], radius + offset[1]

    canvas = Image.new("L", (patch * SUPERSAMPLING, patch * SUPERSAMPLING))
    pen = ImageDraw.Draw(canvas)
    for index, polygon in enumerate(kind.outline):
        corners = [
            (
                (centre_x + 0.5 + half * (x * cos - y * sin)) * SUPERSAMPLING,
                (centre_y + 0.5 + half * (x * sin + y * cos)) * SUPERSAMPLING,
            )
            for x, y in polygon
        ]
        pen.polygon(corners, fill=0 if index else 255)
    small = canvas.reduce(SUPERSAMPLING)
    coverage = np.asarray(small, dtype=np.float32) / 255
    soft = np.asarray(small.filter(ImageFilter.GaussianBlur(side * 0.06)), dtype=np.float32) / 255

    steps = np.arange(patch, dtype=np.float32)
    x, y = (steps - np.float32(centre_x))[None, :], (steps - np.float32(centre_y))[:, None]
    u = (x * np.float32(cos) + y * np.float32(sin)) / np.float32(half)
    v = (y * np.float32(cos) - x * np.float32(sin)) / np.float32(half)
    tint = kind.texture(u, v).astype(np.float32) * np.float32(rng.uniform(0.7, 1.1))

    hue = (kind.hue + rng.uniform(-24, 24)) / 360 % 1
    base = colorsys.hsv_to_rgb(hue, rng.uniform(0.55, 0.95), rng.uniform(0.6, 1.0))
    white = np.clip(tint, 0, 0.85)
    own = (1 + np.minimum(tint, 0)) * (1 - white)

    # the blurred coverage is a cushion: its slope says which flank faces the light
    slope_x, slope_y = np.zeros_like(soft), np.zeros_like(soft)
    slope_x[:, 1:-1] = soft[:, 2:] - soft[:, :-2]
    slope_y[1:-1] = soft[2:] - soft[:-2]
    facing = slope_x * np.float32(light[0]) + slope_y * np.float32(light[1])
    shade = 1 - facing * np.float32(side * 0.08)
    across = x * np.float32(light[0]) + y * np.float32(light[1])
    shade *= 1 + across * np.float32(0.16 / half)
    shade *= 0.62 + 0.38 * np.clip((soft - 0.5) * 3, 0, 1)
    own, white = own * shade, white * shade
    color = np.asarray(base, dtype=np.float32) * own[..., None] + white[..., None]
    return Sprite(coverage, soft, np.clip(color, 0, 1, out=color))
