"""Which parts are one entity: no step between them, or one colour in a plausible place."""

from __future__ import annotations

import numpy as np

from unigs.colormap.compile import kernel
from unigs.colormap.contacts import components, contacts, join, totals
from unigs.colormap.location import COLOR_SPREAD, Cells, best_cell

DETACHED = 3.0


@kernel
def _adopt(groups, colors, area, centers, order, radius, palette, grid):  # type: ignore[no-untyped-def]
    """Entity of each group, largest first; and the entities' colours as a running mean."""
    count = len(order)
    entity = np.empty(count, np.int32)
    means, weight = np.zeros((count, 3)), np.zeros(count)
    own = np.full(count, -1, np.int64)
    taken = np.zeros(len(palette) + 1, np.bool_)
    found = 0
    for g in order:
        best, least = -1, radius * radius
        for e in range(found):
            square = 0.0
            for c in range(3):
                square += (colors[g, c] - means[e, c]) ** 2
            if square < least:
                best, least = e, square
        cell, cost = best_cell(colors[g], centers[g, 0], centers[g, 1], palette, grid)
        if best >= 0 and cell >= 0 and cell != own[best] and not taken[cell]:
            if cost < least / (2 * COLOR_SPREAD**2) + DETACHED:
                best = -1
        if best < 0:
            best = found
            found += 1
            own[best] = cell
            if cell >= 0:
                taken[cell] = True
        entity[g] = best
        for c in range(3):
            means[best, c] = (means[best, c] * weight[best] + colors[g, c] * area[g]) / (
                weight[best] + area[g]
            )
        weight[best] += area[g]
    return entity, means[:found]


@kernel
def _centers(parts, groups, count):  # type: ignore[no-untyped-def]
    height, width = parts.shape
    sums, area = np.zeros((count, 2)), np.zeros(count)
    for y in range(height):
        for x in range(width):
            group = groups[parts[y, x]]
            sums[group, 0] += x + 0.5
            sums[group, 1] += y + 0.5
            area[group] += 1
    for group in range(count):
        sums[group, 0] /= area[group] * width
        sums[group, 1] /= area[group] * height
    return sums


@kernel
def _take(parts, groups, entity, out):  # type: ignore[no-untyped-def]
    for i in range(parts.size):
        out[i] = entity[groups[parts[i]]]


def gather(
    labels: np.ndarray,
    pixels: np.ndarray,
    cells: Cells,
    radius: float,
    drift: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Join the connected parts of `labels` (h, w) into entities.

    Touching parts with a mean colour step below `drift` are one: inside an entity colours may
    wander. Parts that do not touch are one if their colours are within `radius`, unless the
    palette has another colour that fits the part and belongs to the very place where it lies:
    colour is location. Returns the entities (h, w) int32 from 0, and their colours.
    """
    parts = np.empty_like(labels)
    count = components(labels, parts)
    pairs, _, step = contacts(parts, pixels)
    groups = join(count, pairs, np.flatnonzero(step < drift))
    part_area, means = totals(parts, pixels, count)
    area = np.bincount(groups, part_area)
    colors = np.stack([np.bincount(groups, part_area * c) for c in means.T], axis=1)
    colors /= area[:, None]
    entity, entity_colors = _adopt(
        groups,
        colors,
        area,
        _centers(parts, groups, len(area)),
        np.argsort(-area, kind="stable"),
        float(radius),
        cells.colors,
        cells.grid,
    )
    out = np.empty_like(labels)
    _take(parts.reshape(-1), groups, entity, out.reshape(-1))
    return out, entity_colors
