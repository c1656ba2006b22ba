"""Which parts are one entity: no step between them, or one colour in a plausible place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unigs.colormap.contacts import components, contacts, join, measure
from unigs.colormap.location import COLOR_SPREAD, Cells, best_cell
from unigs.io.kernels import kernel

DETACHED = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Gathered:
    """Connected parts of an image and the entities they belong to.

    `parts` (h, w) int32; `entity` (p,) int32 of each part; per entity `area` (n,) int64,
    `colors` (n, 3) the mean, `spread` (n,) the root mean square distance to it, `centers` (n, 2)
    (x, y) in shares of the image, and `step` (n,) the mean colour step to its surroundings, 0
    where it has none.
    """

    parts: np.ndarray
    entity: np.ndarray
    area: np.ndarray
    colors: np.ndarray
    spread: np.ndarray
    centers: np.ndarray
    step: np.ndarray


@kernel
def _adopt(colors, area, centers, order, radius, cells, grid):
    """Entity of each group, the largest group first.

    A group joins the entity of the nearest colour, unless a free cell for the group and another
    cell for the entity explain them better than one cell explains both; what does not touch needs
    a reason, worth DETACHED, to be one. Prices are negative log likelihoods. A part's own place
    says little, because an entity's cell is that of its centre.
    """
    count = len(order)
    entity = np.empty(count, np.int32)
    means, middles = np.zeros((count, 3)), np.zeros((count, 2))
    weight = np.zeros(count)
    own = np.full(count, -1, np.int64)
    taken = np.zeros(len(cells) + 1, np.int64)
    found = 0
    for g in order:
        best, least = -1, radius * radius
        for e in range(found):
            square = 0.0
            for c in range(3):
                square += (colors[g, c] - means[e, c]) ** 2
            if square < least:
                best, least = e, square
        cell, price = best_cell(colors[g], centers[g, 0], centers[g, 1], cells, grid)
        joint = cell
        if best >= 0 and cell >= 0:
            share = area[g] / (weight[best] + area[g])
            mean = means[best] + (colors[g] - means[best]) * share
            middle = middles[best] + (centers[g] - middles[best]) * share
            joint, together = best_cell(mean, middle[0], middle[1], cells, grid)
            if cell != own[best] and taken[cell] == 0:
                x, y = middles[best]
                apart = price + best_cell(means[best], x, y, cells, grid, cell)[1]
                if apart < together + least / (2 * COLOR_SPREAD**2) + DETACHED:
                    best, joint = -1, cell
        if best < 0:
            best = found
            found += 1
        if joint != own[best]:
            taken[own[best]] -= 1
            taken[joint] += 1
            own[best] = joint
        entity[g] = best
        weight[best] += area[g]
        means[best] += (colors[g] - means[best]) * area[g] / weight[best]
        middles[best] += (centers[g] - middles[best]) * area[g] / weight[best]
    return entity


def _sum(groups: np.ndarray, values: np.ndarray) -> np.ndarray:
    return np.stack([np.bincount(groups, column) for column in values.T], axis=1)


def gather(
    labels: np.ndarray, pixels: np.ndarray, cells: Cells, radius: float, drift: float
) -> Gathered:
    """Join the connected parts of `labels` (h, w) into entities.

    Touching parts with a mean colour step below `drift` are one: inside an entity colours may
    wander. Parts that do not touch are one if their colours are within `radius`, unless the
    palette has another colour that fits the part and belongs to the very place where it lies:
    colour is location.
    """
    parts = np.empty_like(labels)
    count = components(labels, parts)
    pairs, length, step = contacts(parts, pixels)
    groups = join(count, pairs, np.flatnonzero(step < drift))
    # Columns: area, colour sums (3), sums of squares, sums of x and y.
    moments = _sum(groups, measure(parts, pixels, count))
    area = moments[:, 0]
    places = moments[:, 5:7] / area[:, None]
    order = np.argsort(-area, kind="stable")
    joined = _adopt(
        moments[:, 1:4] / area[:, None], area, places, order, radius, cells.colors, cells.grid
    )
    moments = _sum(joined, moments)
    area, colors = moments[:, 0], moments[:, 1:4] / moments[:, :1]
    entity = joined[groups]
    ends = entity[pairs]
    outer = ends[:, 0] != ends[:, 1]
    sides = ends[outer].ravel()
    weight = np.repeat(length[outer], 2)
    border = np.bincount(sides, weight, len(area))
    rise = np.bincount(sides, weight * np.repeat(step[outer], 2), len(area))
    return Gathered(
        parts,
        entity,
        area.astype(np.int64),
        colors,
        np.sqrt(np.maximum(moments[:, 4] / area - (colors**2).sum(axis=1), 0)),
        moments[:, 5:7] / area[:, None],
        rise / np.maximum(border, 1),
    )
