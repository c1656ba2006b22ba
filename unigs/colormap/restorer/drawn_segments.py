"""Segments like those of photographs, drawn at random: what the restorer learns from.

Ground in a few warped areas, on it polygons, blobs, bent lines and figures of several parts from
a dozen pixels to a third of the image, alone and in crowds, some half hidden, some with gaps of
nothing along their boundaries, as human annotations have them.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import binary_dilation, gaussian_filter

MOST = 120
SMALLEST_AREA = 12


def draw_segments(rng: np.random.Generator, size: int = 256) -> np.ndarray:
    """Label map (size, size) int32: 0 for nothing, entities 1 to n without gaps, n <= 120."""
    segments = _ground(rng, size)
    count = rng.integers(1, 1 + rng.choice([3, 8, 20, 40], p=[0.15, 0.25, 0.35, 0.25]))
    largest = max(rng.choice([600, 3000, 20000]) * (size / 256) ** 2, SMALLEST_AREA)
    areas = np.exp(rng.uniform(np.log(SMALLEST_AREA), np.log(largest), count))
    crowd = rng.uniform(0, size, 2) if rng.random() < 0.4 else None
    for label, area in enumerate(-np.sort(-areas), int(segments.max()) + 1):
        at = rng.uniform(0, size, 2)
        if crowd is not None and area < 1500 and rng.random() < 0.7:
            at = crowd + rng.normal(0, 30, 2)
        mask = _draw_entity(rng, size, area, at)
        behind = rng.random() < 0.15
        segments[mask & (segments == 0) if behind else mask] = label
    if rng.random() < 0.3:
        segments = _warp(segments, rng, rng.uniform(0.3, 1.5), rng.choice([1, 2, 3]))
    if rng.random() < 0.5:
        segments = _with_gaps(segments, rng)
    present = np.unique(segments[segments > 0])[:MOST]
    table = np.zeros(int(segments.max()) + 1, np.int32)
    table[present] = np.arange(1, len(present) + 1)
    return table[segments]


def _ground(rng: np.random.Generator, size: int) -> np.ndarray:
    """One to six areas nearest to random sites, some of them nothing."""
    sites = rng.uniform(0, size, (rng.integers(1, 7), 2))
    y, x = np.mgrid[:size, :size]
    flat = rng.uniform(0.3, 3)
    away = np.stack([(y - v) ** 2 * flat + (x - u) ** 2 / flat for v, u in sites])
    areas = _warp(away.argmin(axis=0) + 1, rng, rng.uniform(0, 3), rng.choice([2, 4, 8, 16]))
    nothing = rng.random(len(sites) + 1) < rng.choice([0.1, 0.5, 1.0], p=[0.5, 0.3, 0.2])
    return np.where(nothing[areas], 0, areas).astype(np.int32)


def _warp(
    segments: np.ndarray, rng: np.random.Generator, strength: float, scale: float
) -> np.ndarray:
    """Move every pixel by a smooth random field, about `strength` pixels."""
    height, width = segments.shape
    down, right = (
        2 * scale * strength * gaussian_filter(rng.normal(size=segments.shape), scale)
        for _ in range(2)
    )
    y, x = np.mgrid[:height, :width]
    rows = np.clip(np.rint(y + down), 0, height - 1).astype(np.int64)
    columns = np.clip(np.rint(x + right), 0, width - 1).astype(np.int64)
    return segments[rows, columns]


def _outline(rng: np.random.Generator, area: float) -> np.ndarray:
    """Corners (k, 2) of a closed shape of about `area` around 0: jagged, round or wavy."""
    kind = rng.choice(["few corners", "jagged", "ellipse", "wavy"])
    corners = int(rng.integers(3, 6) if kind == "few corners" else rng.integers(6, 40))
    angles = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    reach = np.ones(corners)
    if kind in ("few corners", "jagged"):
        angles = np.sort(rng.uniform(0, 2 * np.pi, corners))
        reach += rng.uniform(0, 0.9) * rng.uniform(-1, 1, corners)
    elif kind == "wavy":
        waves = gaussian_filter(rng.normal(size=corners), rng.uniform(0.7, 2.5), mode="wrap")
        reach = np.clip(1 + 0.9 * waves / max(np.abs(waves).max(), 1e-6), 0.15, None)
    stretch = np.exp(rng.normal(0, 0.5))
    points = np.stack([np.cos(angles) * stretch, np.sin(angles) / stretch], axis=1)
    points *= reach[:, None]
    turn = rng.uniform(0, np.pi) if rng.random() < 0.5 else 0.0
    cos, sin = np.cos(turn), np.sin(turn)
    points = points @ np.array([[cos, -sin], [sin, cos]])
    x, y = points.T
    now = abs((x * np.roll(y, 1) - y * np.roll(x, 1)).sum()) / 2
    return points * np.sqrt(area / max(now, 1e-3))


def _draw_entity(rng: np.random.Generator, size: int, area: float, at: np.ndarray) -> np.ndarray:
    """Mask (size, size) bool of one shape, of a bent line, or of several parts."""
    image = Image.new("1", (size, size))
    pen = ImageDraw.Draw(image)
    kind = rng.random()
    if kind < 0.7:
        pen.polygon(_corners(_outline(rng, area) + at), fill=1)
    elif kind < 0.85:
        width = int(rng.integers(2, 4 + int(np.sqrt(area) / 4)))
        bends = int(rng.integers(2, 5))
        angles = rng.uniform(0, 2 * np.pi) + rng.normal(0, 0.4, bends).cumsum()
        steps = np.stack([np.cos(angles), np.sin(angles)], axis=1) * area / width / bends
        pen.line(_corners(at + np.vstack([[0, 0], steps.cumsum(axis=0)])), fill=1, width=width)
    else:
        for _ in range(int(rng.integers(2, 6))):
            away = rng.normal(0, np.sqrt(area) / 2, 2)
            pen.polygon(_corners(_outline(rng, area / 3) + at + away), fill=1)
    return np.array(image)


def _corners(points: np.ndarray) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in points]


def _with_gaps(segments: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Nothing along some of the boundaries, one to three pixels to either side."""
    edge = np.zeros(segments.shape, bool)
    edge[:-1] |= segments[:-1] != segments[1:]
    edge[:, :-1] |= segments[:, :-1] != segments[:, 1:]
    wide = binary_dilation(edge, iterations=int(rng.integers(1, 4)))
    where = gaussian_filter(rng.normal(size=segments.shape), 20) > rng.uniform(-0.01, 0.03)
    return np.where(wide & where, 0, segments)
