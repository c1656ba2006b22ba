"""Which parts are one entity: no step between them, or one colour in a plausible place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unigs.colormap.region_decoder.contacts import connected_parts, contacts, join, measure
from unigs.colormap.region_decoder.location import COLOR_SPREAD, Cells, best_cell
from unigs.io.kernels import kernel

# Price, as a negative log likelihood, of taking parts that do not touch for one entity.
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
def _adopt(groups, order, radius, cells, grid, known, own, taken, entity):
    """Fill `entity`, that of each group, the largest group first; `groups` and `known` have columns
    of red, green, blue, x, y and area.

    A group joins the entity of the nearest colour, unless a free cell for the group and another
    cell for the entity explain them better than one cell explains both; what does not touch needs
    a reason, worth DETACHED, to be one. Prices are negative log likelihoods. A part's own place
    says little, because an entity's cell is that of its centre.
    """
    none = len(cells)
    found = 0
    for turn in range(len(order)):
        g = order[turn]
        red = groups[g, 0]
        green = groups[g, 1]
        blue = groups[g, 2]
        x = groups[g, 3]
        y = groups[g, 4]
        area = groups[g, 5]
        best = -1
        least = radius * radius
        for e in range(found):
            r = red - known[e, 0]
            s = green - known[e, 1]
            b = blue - known[e, 2]
            square = r * r + s * s + b * b
            if square < least:
                best = e
                least = square
        cell, price = best_cell(red, green, blue, x, y, cells, grid, none)
        joint = cell
        if best >= 0 and cell >= 0:
            share = area / (known[best, 5] + area)
            joint, together = best_cell(
                known[best, 0] + (red - known[best, 0]) * share,
                known[best, 1] + (green - known[best, 1]) * share,
                known[best, 2] + (blue - known[best, 2]) * share,
                known[best, 3] + (x - known[best, 3]) * share,
                known[best, 4] + (y - known[best, 4]) * share,
                cells,
                grid,
                none,
            )
            if cell != own[best] and taken[cell] == 0:
                price += best_cell(
                    known[best, 0],
                    known[best, 1],
                    known[best, 2],
                    known[best, 3],
                    known[best, 4],
                    cells,
                    grid,
                    cell,
                )[1]
                if price < together + least / (2 * COLOR_SPREAD**2) + DETACHED:
                    best = -1
                    joint = cell
        if best < 0:
            best = found
            found += 1
        if joint != own[best]:
            taken[own[best]] -= 1
            taken[joint] += 1
            own[best] = joint
        entity[g] = best
        known[best, 5] += area
        for c in range(5):
            known[best, c] += (groups[g, c] - known[best, c]) * area / known[best, 5]


def _sum(groups: np.ndarray, values: np.ndarray) -> np.ndarray:
    return np.stack([np.bincount(groups, column) for column in values.T], axis=1)


def _adopted(
    colors: np.ndarray,
    places: np.ndarray,
    area: np.ndarray,
    order: np.ndarray,
    radius: float,
    cells: Cells,
) -> np.ndarray:
    count = len(order)
    entity, own = np.empty(count, np.int32), np.full(count, -1, np.int64)
    taken = np.zeros(len(cells.colors) + 1, np.int64)
    groups = np.concatenate([colors, places, area[:, None]], axis=1)
    known = np.zeros_like(groups)
    _adopt(groups, order, radius, cells.colors, cells.grid, known, own, taken, entity)
    return entity


def gather(
    labels: np.ndarray, pixels: np.ndarray, cells: Cells, radius: float, drift: float
) -> Gathered:
    """Join the connected parts of `labels` (h, w) into entities.

    Touching parts with a mean colour step below `drift` are one: inside an entity colours may
    wander. Parts that do not touch are one if their colours are within `radius`, unless the
    palette has another colour that fits the part and belongs to the very place where it lies:
    colour is location.
    """
    parts, label_of = connected_parts(labels)
    count = len(label_of)
    pairs, length, step = contacts(parts, pixels)
    groups = join(count, pairs[step < drift])
    # Columns: area, colour sums (3), sums of squares, sums of x and y.
    moments = _sum(groups, measure(parts, pixels, count))
    area = moments[:, 0]
    places = moments[:, 5:7] / area[:, None]
    order = np.argsort(-area, kind="stable")
    joined = _adopted(moments[:, 1:4] / area[:, None], places, area, order, radius, cells)
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
