"""Colour is location: how well a colour fits the palette's cell at a place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unigs.colormap.palette import Palette
from unigs.io.kernels import kernel

COLOR_SPREAD = 20.0
CELL_SPREAD = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """The colours of a palette's cells, (b * b, 3) float64, and b; empty where unknown."""

    colors: np.ndarray
    grid: int

    @classmethod
    def of(cls, palette: Palette | None) -> Cells:
        """Cells of `palette`; none without a palette or where colours follow no location."""
        if palette is None or palette.order == "random":
            return cls(np.zeros((0, 3)), 1)
        return cls(palette.colors.astype(np.float64), palette.grid)


@kernel
def best_cell(color, x, y, cells, grid, but=-1):
    """The cell, not `but`, that explains `color` (3,) at (x, y), in shares of the image; its price.

    The price is a negative log likelihood: colours scatter by COLOR_SPREAD around the cell's,
    and places by CELL_SPREAD cells around the cell, because collisions move entities to a cell
    beside theirs. Without cells -1 and infinity.
    """
    cell, least = -1, np.inf
    for k in range(len(cells)):
        if k == but:
            continue
        square = 0.0
        for c in range(3):
            square += (color[c] - cells[k, c]) ** 2
        across = max(abs(x * grid - k % grid - 0.5) - 0.5, 0.0)
        down = max(abs(y * grid - k // grid - 0.5) - 0.5, 0.0)
        price = square / (2 * COLOR_SPREAD**2) + (across**2 + down**2) / (2 * CELL_SPREAD**2)
        if price < least:
            cell, least = k, price
    return cell, least
