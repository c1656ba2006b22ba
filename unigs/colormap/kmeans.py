"""Plain k-means with a given number of clusters: the paper's comparison of Table 8."""

from __future__ import annotations

import numpy as np

from unigs.colormap.bins import bin_colors
from unigs.colormap.clusters import finish_clusters
from unigs.colormap.color import pixel_features
from unigs.colormap.decoded import Decoded
from unigs.colormap.palette import Palette
from unigs.io.kernels import kernel

MAX_ITERATIONS = 100


@kernel
def _lloyd(points, weights, count):
    """k-means from farthest-point seeds, the first one the point nearest to the mean."""
    size, width = points.shape
    centers = np.empty((count, width))
    seed = np.zeros(width)
    for i in range(size):
        seed += weights[i] * points[i]
    seed /= weights.sum()
    nearest = np.empty(size)
    for i in range(size):
        nearest[i] = ((points[i] - seed) ** 2).sum()
    chosen = np.argmin(nearest)
    nearest[:] = np.inf
    for k in range(count):
        centers[k] = points[chosen]
        for i in range(size):
            square = 0.0
            for f in range(width):
                square += (points[i, f] - centers[k, f]) ** 2
            nearest[i] = min(nearest[i], square)
        # Weighting by the root of the population keeps lone boundary colours from being seeds.
        chosen = np.argmax(nearest * np.sqrt(weights))
    assignment = np.full(size, -1, np.int64)
    for _ in range(MAX_ITERATIONS):
        changed = False
        sums, total = np.zeros((count, width)), np.zeros(count)
        for i in range(size):
            best, least = 0, np.inf
            for k in range(count):
                square = 0.0
                for f in range(width):
                    square += (points[i, f] - centers[k, f]) ** 2
                if square < least:
                    best, least = k, square
            changed |= assignment[i] != best
            assignment[i] = best
            total[best] += weights[i]
            for f in range(width):
                sums[best, f] += weights[i] * points[i, f]
        if not changed:
            break
        for k in range(count):
            if total[k] > 0:
                centers[k] = sums[k] / total[k]
    return assignment


def decode_kmeans(
    colormap: np.ndarray,
    *,
    palette: Palette | None = None,
    background: bool = True,
    clusters: int = 3,
    features: str = "rgb+lab",
    bits: int = 6,
    delta: float = 10.0,
) -> Decoded:
    """Cluster the colours of `colormap` (h, w, 3) uint8 into `clusters` groups (Table 8).

    The background counts as one of them. `delta` only scales the scores.
    """
    if clusters < 1:
        raise ValueError(f"clusters must be at least 1, not {clusters}")
    bins = bin_colors(colormap, bits)
    points = pixel_features(bins.colors, features)
    count = min(clusters, len(points))
    assignment = np.zeros(0, np.int64)
    if count:
        assignment = _lloyd(points, bins.counts.astype(np.float64), count)
        assignment = np.unique(assignment, return_inverse=True)[1]
    return finish_clusters(
        bins,
        points,
        assignment,
        min_area=0.0,
        delta=delta,
        palette=palette,
        background=background,
    )
