"""The location-aware palette Psi of the paper (section 3.2): a colour for every place."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from unigs.colormap.growth import grow_small
from unigs.colormap.orders import MAX_GRID, ORDERS, VERSION, order_colors
from unigs.colormap.regions import Regions, find_regions, flatten_masks
from unigs.io.kernels import kernel

COLLISIONS = ("nearest_free", "share", "drop")


@dataclass(frozen=True, slots=True, eq=False)
class Placement:
    """Which cell each entity of one label map got.

    `labels` (n,) int64; `home` (n,) the cell of the centre of mass; `cells` (n,) the cell whose
    colour it takes, -1 where it was dropped; `covered` the number of entities that would have
    their home cell to themselves before any reassignment; `shared` the number of entities that
    take a colour which an entity before them in the order of area already has.
    """

    labels: np.ndarray
    home: np.ndarray
    cells: np.ndarray
    covered: int
    shared: int
    regions: Regions


@dataclass(frozen=True, slots=True)
class Palette:
    """A grid of `grid` x `grid` cells over the image, each with its own colour.

    Colours have the levels {0, 64, 128, 192, 255} and are never black, which means background.
    `order` says which cell has which colour, `collision` what happens to an entity whose cell
    already belongs to a larger one: `nearest_free` takes the nearest cell without an entity (and
    shares its own once every cell is taken), `share` takes the same colour, `drop` stays black.
    With `smallest`, entities of fewer pixels are painted as large as that (`grow_small`), so that
    an autoencoder keeps their colour; 64 pixels are one latent pixel of Stable Diffusion.
    """

    grid: int = MAX_GRID
    order: str = "smooth"
    collision: str = "nearest_free"
    smallest: int = 0

    def __post_init__(self) -> None:
        if not (_is_whole(self.grid) and 1 <= self.grid <= MAX_GRID):
            raise ValueError(f"a palette's grid must be 1 to {MAX_GRID}, not {self.grid!r}")
        if self.order not in ORDERS:
            raise ValueError(f"palette order must be one of {ORDERS}, not {self.order!r}")
        if self.collision not in COLLISIONS:
            raise ValueError(f"collision must be one of {COLLISIONS}, not {self.collision!r}")
        if not _is_whole(self.smallest) or self.smallest < 0:
            raise ValueError(f"smallest must be a number of pixels, not {self.smallest!r}")

    @property
    def name(self) -> str:
        """Name that `from_name` understands, e.g. `smooth-5-v1` or `smooth-5-v1-share-grow48`."""
        name = f"{self.order}-{self.grid}-v{VERSION}"
        if self.collision != COLLISIONS[0]:
            name += f"-{self.collision}"
        return f"{name}-grow{self.smallest}" if self.smallest else name

    @classmethod
    def from_name(cls, name: str) -> Palette:
        """Return the palette of a name; raise ValueError for an unknown name or another version."""
        match = re.fullmatch(r"([a-z]+)-(\d+)-v(\d+)(?:-([a-z_]+))?(?:-grow(\d+))?", name)
        if match is None:
            raise ValueError(f"no palette is named {name!r}; a name looks like smooth-5-v{VERSION}")
        if int(match[3]) != VERSION:
            raise ValueError(f"palette {name!r} has version {match[3]}, this is version {VERSION}")
        return cls(int(match[2]), match[1], match[4] or COLLISIONS[0], int(match[5] or 0))

    @property
    def colors(self) -> np.ndarray:
        """Colours of the cells in row order, (grid * grid, 3) uint8, read-only.

        For the order `random`, whose draw changes from image to image, all 124 colours.
        """
        return order_colors(self.order, self.grid)

    def place(self, segments: np.ndarray) -> Placement:
        """Give every label of `segments` (h, w) a cell.

        The result depends on the regions alone, not on their numbers: larger entities choose
        first, then those with the smaller centre of mass by row and column.
        """
        regions = find_regions(segments)
        height, width = regions.compact.shape
        # Pixel i covers i..i+1, so half a pixel makes the cells symmetric under flips.
        place = (regions.centroids + 0.5) * (self.grid / np.array([max(width, 1), max(height, 1)]))
        column, row = np.clip(place.astype(np.int64), 0, self.grid - 1).T
        home = row * self.grid + column
        crowding = np.bincount(home, minlength=self.grid**2)
        covered = int((crowding[home] == 1).sum())
        cells = home.copy()
        order = np.lexsort((regions.first, place[:, 0], place[:, 1], -regions.areas))
        taken = np.zeros(self.grid**2, bool)
        late = []
        for index in order:
            if taken[home[index]]:
                late.append(index)
            taken[home[index]] = True
        shared = len(late)
        if self.collision == "drop":
            cells[late] = -1
            shared = 0
        elif self.collision == "nearest_free":
            rows, columns = np.divmod(np.arange(self.grid**2), self.grid)
            for index in late:
                if taken.all():
                    break
                away = (columns + 0.5 - place[index, 0]) ** 2 + (rows + 0.5 - place[index, 1]) ** 2
                cells[index] = np.argmin(np.where(taken, np.inf, away))
                taken[cells[index]] = True
                shared -= 1
        return Placement(regions.labels, home, cells, covered, shared, regions)

    def assign(
        self, segments: np.ndarray, rng: np.random.Generator | int | None = None
    ) -> dict[int, np.ndarray]:
        """Return the colour (3,) uint8 of every label of `segments` (h, w); dropped entities are
        absent.

        `rng` (a generator or a seed) draws the colours of the order `random`, which needs it.
        """
        placement = self.place(segments)
        colors = self._draw(rng)
        return {
            int(label): colors[cell]
            for label, cell in zip(placement.labels, placement.cells, strict=True)
            if cell >= 0
        }

    def encode(
        self, segments: np.ndarray, rng: np.random.Generator | int | None = None
    ) -> np.ndarray:
        """Return the colormap (h, w, 3) uint8 of a label map (h, w) or of masks (n, h, w).

        Label 0 is black. Of masks that overlap the smaller is on top. `rng` as in `assign`.
        Cells and colours are those of the entities before they grow.
        """
        array = np.asarray(segments)
        if array.ndim == 3:
            array = flatten_masks(array)
        placement = self.place(array)
        table = np.zeros((len(placement.labels) + 1, 3), np.uint8)
        kept = placement.cells >= 0
        table[1:][kept] = self._draw(rng)[placement.cells[kept]]
        colormap = np.empty((*array.shape, 3), np.uint8)
        painted = placement.regions.compact
        if self.smallest:
            painted = grow_small(placement.regions, self.smallest, kept)
        _paint(painted.reshape(-1), table, colormap.reshape(-1, 3))
        return colormap

    def coverage(self, segments: np.ndarray) -> float:
        """Return the share of entities whose cell holds no other entity, before any reassignment.

        1.0 for a map without entities.
        """
        placement = self.place(segments)
        return placement.covered / len(placement.labels) if len(placement.labels) else 1.0

    def _draw(self, rng: np.random.Generator | int | None) -> np.ndarray:
        if self.order != "random":
            return self.colors
        if rng is None:
            raise ValueError("the order `random` draws its colours: pass rng, a generator or seed")
        shuffled = np.random.default_rng(rng).permutation(len(self.colors))
        return self.colors[shuffled[: self.grid**2]]


def _is_whole(value: object) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


@kernel
def _paint(flat, table, out):
    for i in range(flat.size):
        label = flat[i]
        out[i, 0] = table[label, 0]
        out[i, 1] = table[label, 1]
        out[i, 2] = table[label, 2]
