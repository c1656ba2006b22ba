"""From clusters of colours to entities: small clusters, background, order and scores."""

from __future__ import annotations

import numpy as np

from unigs.colormap.bins import ColorBins
from unigs.colormap.closest import closest
from unigs.colormap.decoded import Decoded, softmax_scores
from unigs.colormap.orders import all_colors
from unigs.colormap.palette import Palette
from unigs.io.kernels import kernel
from unigs.io.label_kernels import look_up


def _centers(values: np.ndarray, weights: np.ndarray, groups: np.ndarray, n: int) -> np.ndarray:
    """Weighted mean (n, f) of `values` (k, f) in each of `n` groups; 0 where there is none."""
    sums, total = np.zeros((n, values.shape[1])), np.zeros(n)
    _sum_groups(values, weights, groups, sums, total)
    return np.asarray(sums / np.maximum(total, 1)[:, None])


@kernel
def _sum_groups(values, weights, groups, sums, total):
    for i in range(len(values)):
        group = groups[i]
        total[group] += weights[i]
        for f in range(values.shape[1]):
            sums[group, f] += weights[i] * values[i, f]


def finish_clusters(
    bins: ColorBins,
    features: np.ndarray,
    assignment: np.ndarray,
    *,
    min_area: float,
    delta: float,
    palette: Palette | None,
    background: bool,
) -> Decoded:
    """Turn clusters of colour bins into entities.

    `features` (k, f) and `assignment` (k,) run over the bins. Clusters under `min_area`, a share
    of the image, join the cluster with the nearest mean; if all are that small, the largest
    stays. With `background`, clusters whose mean colour is nearer to black than to any colour of
    `palette` (any of the 124 without one) become 0. Scores follow `softmax_scores` with `delta`.
    """
    height, width = bins.index.shape
    if len(assignment) == 0:
        return Decoded(np.zeros((height, width), np.int32), np.zeros(0, np.float32))
    weights = bins.counts.astype(np.float64)
    assignment = assignment.astype(np.int32)
    count = int(assignment.max()) + 1
    area = np.bincount(assignment, weights, count)
    centers = _centers(features, weights, assignment, count)
    order = np.argsort(-area, kind="stable")
    kept = order[: max(1, int((area >= max(min_area * height * width, 1)).sum()))]
    joined, _ = closest(centers, centers[kept])
    joined[kept] = np.arange(len(kept))
    groups = joined[assignment]
    centers = _centers(features, weights, groups, len(kept))
    scores = softmax_scores(features, weights, groups, centers, delta)
    labels = np.arange(1, len(kept) + 1, dtype=np.int32)
    if background:
        means = _centers(bins.colors, weights, groups, len(kept))
        colors = (all_colors() if palette is None else palette.colors).astype(np.float64)
        labels[(means**2).sum(axis=1) < closest(means, colors)[1]] = 0
    entity = labels > 0
    final = np.bincount(groups, weights, len(kept))
    rank = np.argsort(np.where(entity, -final, 0), kind="stable")[: entity.sum()]
    labels[rank] = np.arange(1, len(rank) + 1)
    segments = look_up(bins.index, labels[groups])
    return Decoded(segments, scores[rank].astype(np.float32))
