"""Paint entities that are too small for the latents larger than they are."""

from __future__ import annotations

import math

import numpy as np
from scipy.ndimage import distance_transform_edt

from unigs.colormap.regions import Regions

# Only entities this many times as large give pixels away, so that none becomes small by it.
GIVERS = 4


def grow_small(regions: Regions, smallest: int, painted: np.ndarray) -> np.ndarray:
    """Return `regions.compact` with entities below `smallest` pixels grown to about that many.

    Only those grow that get a colour, `painted` (n,) bool: black must not spread. Each takes all
    pixels up to the distance at which it has enough, but only from nothing or from entities of at
    least 4 x `smallest` pixels, the smallest entity last, so that it keeps what it takes.
    Symmetric under flips wherever the grown entities do not meet.
    """
    grown = regions.compact.copy()
    areas = np.concatenate([[np.iinfo(np.int64).max], regions.areas])
    giver = areas >= GIVERS * smallest
    small = np.flatnonzero(np.concatenate([[False], painted]) & (areas < smallest))
    order = np.lexsort((*regions.centroids[small - 1].T, -areas[small]))
    height, width = grown.shape
    margin = math.isqrt(smallest) + 1
    for label in small[order]:
        rows, columns = np.nonzero(regions.compact == label)
        top, bottom = max(rows.min() - margin, 0), min(rows.max() + margin + 1, height)
        left, right = max(columns.min() - margin, 0), min(columns.max() + margin + 1, width)
        window = (slice(top, bottom), slice(left, right))
        own = regions.compact[window] == label
        away = distance_transform_edt(~own)
        free = giver[grown[window]] | own
        nearest = np.sort(away[free])
        reach = nearest[min(smallest, len(nearest)) - 1]
        grown[window][free & (away <= reach)] = label
    return grown
