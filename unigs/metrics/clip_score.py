"""CLIP scores: 100 times the cosine of two embeddings of a dual encoder.

The paper's 84 to 90 fit the cosine of image embeddings of the entity's crop against the original
crop, Paint-by-Example's region score: ``clip_i_region``. Text against image is ``clip_t_region``
(crop against its class) and ``clip_t_full`` (image against the prompt's names).
"""

from __future__ import annotations

import math
from array import array

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from unigs.errors import DataError
from unigs.metrics.bootstrap.per_image import Parts
from unigs.metrics.image_table import ImageTable, Row


class ClipScoreMetric(ImageTable):
    """Mean of 100 * cosine over pairs of embeddings, keyed by image.

    torchmetrics' ``CLIPScore`` is not used: it clamps the mean at 0 (opposite vectors score 0
    instead of -100), which a mean of region scores must not; it adds up float32 in the order of
    arrival, so 20,000 pairs score 63.67886, the same pairs reversed 63.67887; and it counts an
    image twice that a sampler handed out twice. Here the cosines are float64 and the sum is exact.
    """

    higher_is_better = True

    def __init__(self, name: str) -> None:
        super().__init__(scores=torch.float64)
        self.name = name

    def update(self, key: str, a: ArrayLike, b: ArrayLike) -> None:
        """Add image ``key`` with its pairs: (n, d) and (n, d) embeddings, of any length > 0."""
        self.add_image(key, scores=100 * cosines(a, b))

    def compute(self) -> dict[str, float]:
        """``{name: mean over all pairs}`` of all processes; NaN without a pair."""
        values = array("d")
        for row in self.image_rows().values():
            values.frombytes(row["scores"].tobytes())
        return {self.name: math.fsum(values) / len(values) if values else float("nan")}

    def image_parts(self, row: Row) -> Parts:
        """Return the sum and the number of the image's pairs."""
        return {self.name: (math.fsum(row["scores"].tolist()), float(len(row["scores"])))}


def cosines(a: ArrayLike, b: ArrayLike) -> NDArray[np.float64]:
    """Return (n,) float64 cosines of the rows of two (n, d) arrays; a zero vector has cosine 0."""
    left, right = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if left.shape != right.shape or left.ndim != 2:
        raise DataError(f"embeddings of shapes {left.shape} and {right.shape}; pass (n, d) twice")
    lengths = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    return (left * right).sum(1) / np.where(lengths > 0, lengths, 1)


def region_crop(image: NDArray[np.uint8], mask: ArrayLike) -> NDArray[np.uint8]:
    """Return the box of a (h, w) bool mask, cut from a (h, w, 3) image; the mask must own a
    pixel."""
    rows, columns = np.nonzero(np.asarray(mask))
    if not rows.size:
        raise DataError("an empty mask has no region; drop it first")
    return image[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
