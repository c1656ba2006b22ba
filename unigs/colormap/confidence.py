"""How sure the region decoder is of an entity, from what can be seen in the colormap alone."""

from __future__ import annotations

import numpy as np

from unigs.colormap.gathering import Gathered
from unigs.colormap.location import Cells, best_cell

# Logistic regression of IoU > 0.5 on 5,477 decoded entities: COCO training photographs through
# TAESD, noise, blur and JPEG, and simulated predictions at 64 x 64; every source weighs the same.
INTERCEPT = -5.05
LOG_AREA = 1.10
SPREAD = -0.062
PRICE = -0.45
STEP = 0.035
HIGHEST_PRICE = 20.0
HIGHEST_STEP = 100.0
PRICE_WITHOUT_PALETTE = 1.0


def confidence(found: Gathered, cells: Cells) -> np.ndarray:
    """Probability (n,) that each entity of `found` overlaps a true one with IoU above 0.5.

    It rises with the logarithm of the area and with the step of colour to the surroundings, and
    falls with the spread of the colour inside and with its distance to the colours that belong
    where the entity lies (`best_cell`).
    """
    price = np.full(len(found.area), PRICE_WITHOUT_PALETTE)
    if len(cells.colors):
        for index, (color, (x, y)) in enumerate(zip(found.colors, found.centers, strict=True)):
            price[index] = min(best_cell(color, x, y, cells.colors, cells.grid)[1], HIGHEST_PRICE)
    logit = (
        INTERCEPT
        + LOG_AREA * np.log(found.area)
        + SPREAD * found.spread
        + PRICE * price
        + STEP * np.minimum(found.step, HIGHEST_STEP)
    )
    return np.asarray(1 / (1 + np.exp(-logit)))
