"""Precision at levels of recall of ranked predictions, of all images or of bootstrap draws of them.

COCOeval and one's own curve need the whole ranking as float64 at each threshold, and a list of
Python's numbers. Walked from the worst prediction to the best, a ranking can be read in pieces: the
counts of hits and of predictions fall from their totals, which images give, and the best precision
from a level of recall on is known when the walk passes that level. The numbers are the same: counts
are whole, and each precision is one quotient.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unigs.io.kernels import kernel


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """Some ranked predictions, the worst first.

    Attributes:
        image: (d,) int32, number of the image of each.
        hit, counted: (d,) uint16: bit t says whether it is right, and whether it is right or
            wrong, at threshold t.
    """

    image: NDArray[np.int32]
    hit: NDArray[np.uint16]
    counted: NDArray[np.uint16]


@dataclass(frozen=True, slots=True, eq=False)
class Totals:
    """What a ranking contains, by image.

    Attributes:
        hits, counted: (images, thresholds) float64 predictions that are right, that are either.
        truths: (images,) float64 true entities that can be found.
    """

    hits: NDArray[np.float64]
    counted: NDArray[np.float64]
    truths: NDArray[np.float64]

    @classmethod
    def of(
        cls,
        starts: NDArray[np.int64],
        hit: NDArray[np.uint16],
        counted: NDArray[np.uint16],
        thresholds: int,
        truths: NDArray[np.int64],
    ) -> Totals:
        """Count bits (see `Piece`) image by image; those of each begin at ``starts``."""
        totals = np.zeros((2, len(truths), thresholds))
        for bits, total in zip((hit, counted), totals, strict=True):
            _count(starts, bits, total)
        return cls(totals[0], totals[1], truths.astype(np.float64))


def ranked_precision(
    pieces: Iterable[Piece],
    totals: Totals,
    weights: NDArray[np.float64],
    levels: NDArray[np.float64],
    spacing: float = 0.0,
) -> NDArray[np.float64]:
    """Return (draws, thresholds, levels) float64: the best precision at or beyond each level of
    recall; 0 beyond the last hit, NaN in draws without a truth.

    Args:
        pieces: the whole ranking, its end first.
        totals: of the same predictions.
        weights: (draws, images): how often each image counts, whole numbers.
        levels: (levels,) of recall, ascending.
        spacing: is added to the divisor, as COCOeval does.
    """
    hits, seen = weights @ totals.hits, weights @ totals.counted
    truths = weights @ totals.truths
    values = np.zeros((*hits.shape, len(levels)))
    best = np.zeros(hits.shape)
    level = np.full(hits.shape, len(levels) - 1)
    for piece in pieces:
        _walk(
            piece.image, piece.hit, piece.counted, weights, truths, levels, spacing,
            hits, seen, best, level, values,
        )  # fmt: skip
    for place in range(len(levels)):
        values[..., place] = np.where(place <= level, best, values[..., place])
    values[truths == 0] = np.nan
    return values


@kernel
def _count(starts, bits, totals):
    for image in range(totals.shape[0]):
        for place in range(starts[image], starts[image + 1]):
            for threshold in range(totals.shape[1]):
                totals[image, threshold] += (bits[place] >> threshold) & 1


@kernel
def _walk(
    image, hit, counted, weights, truths, levels, spacing, hits, seen, best, level, values
):  # fmt: skip
    for draw in range(weights.shape[0]):
        total = truths[draw]
        if total == 0.0:
            continue
        for threshold in range(hits.shape[1]):
            bit = 1 << threshold
            right, both = hits[draw, threshold], seen[draw, threshold]
            highest, place = best[draw, threshold], level[draw, threshold]
            for i in range(image.shape[0]):
                weight = weights[draw, image[i]]
                if weight > 0.0 and counted[i] & bit:
                    if hit[i] & bit:
                        # the levels beyond this hit know their best one
                        recall = right / total
                        while place >= 0 and levels[place] > recall:
                            values[draw, threshold, place] = highest
                            place -= 1
                        highest = max(highest, right / (both + spacing))
                        right -= weight
                    both -= weight
            hits[draw, threshold], seen[draw, threshold] = right, both
            best[draw, threshold], level[draw, threshold] = highest, place
