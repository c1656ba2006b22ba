"""Confidence of the region decoder in an entity, from the colormap alone."""

from __future__ import annotations

import numpy as np

from unigs.colormap.region_decoder.gathering import Gathered
from unigs.colormap.region_decoder.location import Cells

# By `benchmarks/codec/calibrate_scores.py` on 34 training photographs of COCO: 3,334 entities.
INTERCEPT = -5.91
WEIGHTS = (0.946, -0.0462, -0.406, 0.0415)
HIGHEST_PRICE = 20.0
HIGHEST_STEP = 100.0
PRICE_WITHOUT_PALETTE = 1.0


def evidence(found: Gathered, cells: Cells) -> np.ndarray:
    """Return what speaks for or against each entity of `found`, (n, 4) float64.

    Logarithm of the area in pixels, spread of the colour inside, distance to the colours that
    belong where the entity lies (the price of `best_cell`), and step of colour to the
    surroundings.
    """
    price = np.full(len(found.area), PRICE_WITHOUT_PALETTE)
    if len(cells.colors):
        price = np.minimum(cells.prices(found.colors, found.centers), HIGHEST_PRICE)
    step = np.minimum(found.step, HIGHEST_STEP)
    return np.stack([np.log(found.area), found.spread, price, step], axis=1)


def confidence(clues: np.ndarray) -> np.ndarray:
    """Return the probability (n,) that entities with the `evidence` (n, 4) overlap a true one by
    IoU > 0.5."""
    return np.asarray(1 / (1 + np.exp(-INTERCEPT - clues @ np.array(WEIGHTS))))
