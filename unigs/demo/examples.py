"""Pictures to try a model on, drawn on the spot."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unigs.colormap import Palette
from unigs.datasets.shapes.scene import draw_scene

COUNT = 6
_SMALLEST, _LARGEST = 64, 512


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """A drawn scene.

    Attributes:
        image, colormap: (side, side, 3) uint8.
        names: class names of all that is in it, with commas between.
        thing: the class of one thing.
    """

    image: np.ndarray
    colormap: np.ndarray
    names: str
    thing: str


def draw_examples(palette: Palette, side: int | None) -> list[Example]:
    """Return `COUNT` scenes of the generated data set, in the size of a model or near it; no run
    trains on them, since the set has other seeds."""
    size = min(max(side or _LARGEST, _SMALLEST), _LARGEST)
    found = []
    for number in range(COUNT):
        drawing = draw_scene(size, np.random.default_rng((20_000_000, number)))
        regions = {one.label: one.kind.name for one in drawing.segments if not one.crowd}
        names = dict.fromkeys(regions[label] for label in sorted(regions))
        labels = np.where(np.isin(drawing.labels, list(regions)), drawing.labels, 0)
        colormap = palette.encode(labels)
        thing = regions[max(regions)]
        found.append(Example(drawing.image, colormap, ", ".join(names), thing))
    return found
