"""Which grid cell has which colour: the orders of the location-aware palette.

The paper (section 3.2) fixes the levels and that every cell has its own colour, and leaves the
assignment open. Each order here is deterministic and is frozen by `VERSION`.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.optimize import linear_sum_assignment

from unigs.colormap.color import rgb_to_lab

VERSION = 1
LEVELS = (0, 64, 128, 192, 255)
ORDERS = ("lexicographic", "linear", "smooth", "contrast", "random")
MAX_GRID = 11


@cache
def all_colors() -> np.ndarray:
    """Return the 124 colours, (124, 3) uint8, ascending by (red, green, blue); black is left
    out."""
    levels = np.array(LEVELS, np.uint8)
    red, green, blue = np.meshgrid(levels, levels, levels, indexing="ij")
    colors = np.stack([red, green, blue], axis=-1).reshape(-1, 3)[1:]
    colors.setflags(write=False)
    return colors


@cache
def order_colors(order: str, grid: int) -> np.ndarray:
    """Return the colours of the cells in row order, (grid * grid, 3) uint8; all 124 for
    `random`."""
    if order == "random":
        return all_colors()
    if order == "lexicographic":
        chosen = np.arange(grid * grid)
    elif order == "linear":
        chosen = _linear(grid)
    elif order == "smooth":
        chosen = _smooth(grid)
    else:
        chosen = _contrast(grid)
    colors = all_colors()[chosen]
    colors.setflags(write=False)
    return colors


def _linear(grid: int) -> np.ndarray:
    """Red follows the column, green the row, and blue falls with both.

    Every channel is linear in the location up to its levels: an entity's colour is the mean of
    the colours of its places, which a network learns soonest, and no colour is near to black.
    Beyond 5 x 5 cells the nearest distinct colours are taken.
    """
    row, column = np.divmod(np.arange(grid * grid), grid)
    # Between two levels of blue the higher one is nearer to this by design, on any machine.
    return _assign(grid, 1 - (row + column - 0.25) / (2 * max(grid - 1, 1)))


def _smooth(grid: int) -> np.ndarray:
    """Red follows the column, green the row, blue alternates like a chessboard, far from black.

    Red and green are then nearly linear in the location, so that a network in doubt between two
    cells predicts a colour between theirs, and direct neighbours still differ strongly in
    blue. Grids beyond 5 x 5 have several cells to a (red, green) pair; an optimal assignment
    keeps every cell as near to its target as distinct colours allow.
    """
    row, column = np.divmod(np.arange(grid * grid), grid)
    return _assign(grid, np.where((row + column) % 2 == 0, 1.0, 0.5))


def _assign(grid: int, blue: np.ndarray) -> np.ndarray:
    """Return the colour of each cell: red by column, green by row, `blue` (cells,) in [0, 1]."""
    colors = all_colors().astype(np.int64)
    row, column = np.divmod(np.arange(grid * grid), grid)
    steps = max(grid - 1, 1)
    position = np.array(LEVELS, np.float64)
    scale = np.arange(len(LEVELS)) / (len(LEVELS) - 1)
    wanted = [np.interp(share, scale, position) for share in (column / steps, row / steps, blue)]
    target = np.round(np.stack(wanted, axis=1)).astype(np.int64)
    square = (target[:, None] - colors[None]) ** 2
    cost = 4 * square[..., 0] + 4 * square[..., 1] + square[..., 2]
    tie_break = np.add.outer(np.arange(grid * grid) * 131, np.arange(len(colors)) * 37) % 1009
    chosen = linear_sum_assignment(cost * 4096 + tie_break)[1]
    return np.asarray(chosen)


def _contrast(grid: int) -> np.ndarray:
    """Cells near to each other get colours far apart in RGB (+) CIELAB.

    Pairwise exchange on the sum of 1 / (distance of the cells * distance of the colours)^2, in
    integers so that every machine finds the same order. Colours without a cell take part as
    cells without neighbours, and black, which surrounds entities, as a neighbour of every cell.
    """
    colors = np.concatenate([all_colors(), np.zeros((1, 3), np.uint8)])
    features = np.round(np.concatenate([colors, rgb_to_lab(colors)], axis=1)).astype(np.int64)
    count, cells = len(all_colors()), grid * grid
    apart = ((features[:, None] - features[None]) ** 2).sum(-1)
    conflict = 10**9 // np.maximum(apart, 1)
    np.fill_diagonal(conflict, 0)
    row, column = np.divmod(np.arange(cells), grid)
    away = (row[:, None] - row) ** 2 + (column[:, None] - column) ** 2
    weight = np.zeros((count + 1, count + 1), np.int64)
    weight[:cells, :cells] = np.where((away > 0) & (away <= 18), 3600 // np.maximum(away, 1), 0)
    weight[:cells, count] = weight[count, :cells] = 3600
    place = np.append(np.arange(count) * 45 % count, count)
    improved = True
    while improved:
        improved = False
        for i in range(cells):
            here = conflict[place]
            new = (weight[i] - weight) * (here[:, place] - here[i, place])
            new[:, i] = 0
            np.fill_diagonal(new, 0)
            change = new[:count].sum(axis=1)
            j = int(np.argmin(change))
            if change[j] < 0:
                place[[i, j]] = place[[j, i]]
                improved = True
    return np.asarray(place[:cells])
