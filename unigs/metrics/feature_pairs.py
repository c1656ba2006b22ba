"""The state of distances between feature vectors: those of the real and the generated image of
each key."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from unigs.errors import DataError
from unigs.metrics.image_table import ImageTable, Row

Features = NDArray[np.float64]


class FeaturePairs(ImageTable):
    """Features of real and generated images, keyed by image; distances between the two sides.

    The features themselves are the state, not their sums: with fewer images than dimensions they
    are smaller, and kernels need them.
    """

    higher_is_better = False

    def __init__(self) -> None:
        super().__init__(real=torch.float64, generated=torch.float64)

    def update(self, key: str, real: ArrayLike, generated: ArrayLike) -> None:
        """Add the (d,) features of the real and the generated image ``key``."""
        self.add_image(key, real=real, generated=generated)


def sides(rows: Mapping[str, Row]) -> tuple[Features, Features]:
    """Return the (n, d) features of the real and of the generated images, without a second copy of
    them in memory."""
    dimensions = len(next(iter(rows.values()))["real"]) if rows else 0
    real, generated = np.empty((2, len(rows), dimensions))
    for place, row in enumerate(rows.values()):
        real[place], generated[place] = row["real"], row["generated"]
    return real, generated


def two_sets(a: ArrayLike, b: ArrayLike, what: str) -> tuple[Features, Features]:
    """Return two sets of features as (n, d) and (m, d) float64.

    Args:
        what: names the distance in messages.

    Raises:
        DataError: features that are not finite or not (n, d), another d, fewer than two vectors.
    """
    left, right = _checked(a), _checked(b)
    if left.shape[1] != right.shape[1]:
        raise DataError(f"features of {left.shape[1]} and {right.shape[1]} dimensions; use one set")
    if min(len(left), len(right)) < 2:
        raise DataError(
            f"{what} needs two samples a side, not {len(left)} and {len(right)}",
            hint="evaluate more images",
        )
    return left, right


def _checked(values: ArrayLike) -> Features:
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise DataError("features are of several lengths; pass (n, d)") from error
    if array.ndim != 2 or not array.shape[1]:
        raise DataError(f"features have shape {array.shape}; pass (n, d)")
    try:
        if np.iscomplexobj(array):
            raise TypeError
        array = array.astype(np.float64, copy=False)
    except (TypeError, ValueError, OverflowError) as error:
        raise DataError(f"features are of type {array.dtype}; pass real numbers") from error
    if not np.isfinite(array).all():
        raise DataError("features are not all finite; check the images and the network")
    return array
