"""Panoptic quality of classes over bootstrap draws of the images."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from unigs.metrics.bootstrap.draws import Weights, class_mean, in_parts
from unigs.metrics.panoptic_quality import Tally

# Summed IoU, true positives, false positives, false negatives.
_COUNTS = 4


def resampled_quality(
    images: Sequence[Tally], weights: Weights, groups: Sequence[Collection[int] | None]
) -> list[dict[str, NDArray[np.float64]]]:
    """Return (draws,) float64 each of ``pq``, ``sq`` and ``rq``, for each group of classes.

    A draw has the quality of a data set that repeats its images: sums over images, a quotient for
    each class, and the mean over the classes that occur in the draw.

    Args:
        images: their tallies.
        weights: (draws, images) (`draw_weights`).
        groups: names of classes; None for all.
    """
    classes = sorted({name for tally in images for name in tally})
    sums = _class_sums(images, classes)
    chosen = [
        np.array([group is None or name in group for name in classes], bool) for group in groups
    ]
    found: list[list[list[NDArray[np.float64]]]] = [[] for _ in groups]
    for part in in_parts(weights):
        counts = (sums.T @ part.T).reshape(len(classes), _COUNTS, len(part))
        qualities = _qualities(*counts.transpose(1, 0, 2))
        for drawn, mine in zip(found, chosen, strict=True):
            drawn.append([class_mean(values[mine]) for values in qualities])
    return [
        {
            name: np.concatenate([np.zeros(0), *(values[place] for values in drawn)])
            for place, name in enumerate(("pq", "sq", "rq"))
        }
        for drawn in found
    ]


def _class_sums(images: Sequence[Tally], classes: Sequence[int]) -> csr_array:
    """Return (images, classes * 4), of which an image of a few classes has a few."""
    place = {name: number * _COUNTS for number, name in enumerate(classes)}
    values = [value for tally in images for counts in tally.values() for value in counts]
    columns = [place[name] + n for tally in images for name in tally for n in range(_COUNTS)]
    ends = np.cumsum([0, *(_COUNTS * len(tally) for tally in images)])
    shape = len(images), _COUNTS * len(classes)
    return csr_array((np.array(values, np.float64), np.array(columns, int), ends), shape=shape)


def _qualities(
    iou: NDArray[np.float64],
    hits: NDArray[np.float64],
    extra: NDArray[np.float64],
    missed: NDArray[np.float64],
) -> list[NDArray[np.float64]]:
    """Return PQ, SQ and RQ (classes, draws) as `unigs.metrics.panoptic_quality` has them; NaN where
    a class does not occur."""
    counted = hits + (extra + missed) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        matched = np.where(hits > 0, iou / hits, 0.0)
        return [iou / counted, np.where(counted > 0, matched, np.nan), hits / counted]
