"""CLIP scores: 100 times the cosine of two embeddings of a dual encoder.

The paper's 84 to 90 fit the cosine of image embeddings of the entity's crop against the original
crop, Paint-by-Example's region score: ``clip_i_region``. Text against image is ``clip_t_region``
(crop against its class) and ``clip_t_full`` (image against the prompt's names).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from unigs.errors import DataError


class ClipScoreMetric:
    """Mean of 100 * cosine over pairs of embeddings, keyed by image.

    Neither a pair nor the mean is clamped at 0, so that the mean stays a mean.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.reset()

    def reset(self) -> None:
        """Forget every pair."""
        self._images: dict[str, NDArray[np.float64]] = {}

    def update(self, key: str, a: ArrayLike, b: ArrayLike) -> None:
        """Add image ``key`` with its pairs: (n, d) and (n, d) embeddings, of any length > 0."""
        self._images[key] = 100 * cosines(a, b)

    def merge(self, other: ClipScoreMetric) -> None:
        """Take over another process's images."""
        self._images.update(other._images)

    def compute(self) -> dict[str, float]:
        """``{name: mean over all pairs}``; NaN without a pair."""
        values = [x for key in sorted(self._images) for x in self._images[key].tolist()]
        return {self.name: math.fsum(values) / len(values) if values else float("nan")}


def cosines(a: ArrayLike, b: ArrayLike) -> NDArray[np.float64]:
    """(n,) float64 cosines of the rows of two (n, d) arrays; a zero vector has cosine 0."""
    left, right = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if left.shape != right.shape or left.ndim != 2:
        raise DataError(f"embeddings of shapes {left.shape} and {right.shape}; pass (n, d) twice")
    lengths = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    return (left * right).sum(1) / np.where(lengths > 0, lengths, 1)


def region_crop(image: NDArray[np.uint8], mask: ArrayLike) -> NDArray[np.uint8]:
    """The box of a (h, w) bool mask, cut from a (h, w, 3) image; the mask must own a pixel."""
    rows, columns = np.nonzero(np.asarray(mask))
    if not rows.size:
        raise DataError("an empty mask has no region; drop it first")
    return image[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
