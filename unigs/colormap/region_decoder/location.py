"""Colour is location: how well a colour fits the palette's cell at a place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unigs.colormap.palette import Palette
from unigs.io.kernels import kernel, kernel_part

# Deviations of a colour in levels, and of a place in cells; see `best_cell`.
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

    def prices(self, colors: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Return the price (n,) of each of `colors` (n, 3) at `places` (n, 2), (x, y) in shares of
        the image, in the cell that explains it best (`best_cell`)."""
        out = np.empty(len(colors))
        marks = np.concatenate([colors, places], axis=1, dtype=np.float64)
        _prices(marks, self.colors, self.grid, out)
        return out


@kernel_part
def best_cell(red, green, blue, x, y, cells, grid, but):
    """The cell, not `but`, that explains a colour at (x, y), in shares of the image; its price.

    The price is a negative log likelihood: colours scatter by COLOR_SPREAD around the cell's,
    and places by CELL_SPREAD cells around the cell, because collisions move entities to a cell
    beside theirs. Without cells -1 and infinity.
    """
    cell = -1
    least = np.inf
    for k in range(len(cells)):
        if k == but:
            continue
        r = red - cells[k, 0]
        g = green - cells[k, 1]
        b = blue - cells[k, 2]
        across = abs(x * grid - k % grid - 0.5) - 0.5
        if across < 0:
            across = 0.0
        down = abs(y * grid - k // grid - 0.5) - 0.5
        if down < 0:
            down = 0.0
        price = (r * r + g * g + b * b) / (2 * COLOR_SPREAD**2)
        price += (across * across + down * down) / (2 * CELL_SPREAD**2)
        if price < least:
            cell = k
            least = price
    return cell, least


@kernel
def _prices(marks, cells, grid, out):
    none = len(cells)
    for i in range(len(marks)):
        red = marks[i, 0]
        green = marks[i, 1]
        blue = marks[i, 2]
        out[i] = best_cell(red, green, blue, marks[i, 3], marks[i, 4], cells, grid, none)[1]
