"""The progressive dichotomy module Phi of the paper (section 3.2, equations 6 and 7)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unigs.colormap.bins import ColorBins, bin_colors
from unigs.colormap.clusters import finish_clusters
from unigs.colormap.color import pixel_features
from unigs.colormap.compile import kernel
from unigs.colormap.decoded import Decoded
from unigs.colormap.palette import Palette

CRITERIA = ("l2", "squared")
MAX_ITERATIONS = 300


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """One node of the dichotomy, in depth-first order.

    `parent` is the position of the parent in the list, -1 for the root; `members` the indices of
    its colour bins; `distance` the left side of equation 7; `leaf` whether it became a cluster.
    """

    parent: int
    members: np.ndarray
    distance: float
    leaf: bool


@dataclass(frozen=True, slots=True, eq=False)
class Clusters:
    """Clusters of colour bins: `assignment` (k,) int64 per bin; `tree` every node visited."""

    bins: ColorBins
    features: np.ndarray
    assignment: np.ndarray
    tree: tuple[Split, ...]


@kernel
def two_seeds(points, weights, start, stop):  # type: ignore[no-untyped-def]
    """Two seeds for 2-means: the weighted mean plus and minus one deviation along the main axis.

    The axis is the one of greatest variance, by 12 power iterations from the axis of the feature
    that varies most; no randomness. Points are `points[start:stop]`.
    """
    width = points.shape[1]
    mean = np.zeros(width)
    total = 0.0
    for i in range(start, stop):
        total += weights[i]
        for f in range(width):
            mean[f] += weights[i] * points[i, f]
    mean /= total
    spread = np.zeros((width, width))
    for i in range(start, stop):
        for f in range(width):
            away = weights[i] * (points[i, f] - mean[f])
            for g in range(f, width):
                spread[f, g] += away * (points[i, g] - mean[g])
    best = 0
    for f in range(width):
        if spread[f, f] > spread[best, best]:
            best = f
        for g in range(f):
            spread[f, g] = spread[g, f]
    axis = spread[best].copy()
    for _ in range(12):
        axis /= np.sqrt((axis * axis).sum())
        after = np.zeros(width)
        for f in range(width):
            for g in range(width):
                after[f] += spread[f, g] * axis[g]
        axis = after
    length = np.sqrt((axis * axis).sum())
    deviation = np.sqrt(length / total)
    return mean - axis / length * deviation, mean + axis / length * deviation


@kernel
def _mean_distance(points, weights, start, stop, squared):  # type: ignore[no-untyped-def]
    width = points.shape[1]
    mean = np.zeros(width)
    total = 0.0
    for i in range(start, stop):
        total += weights[i]
        for f in range(width):
            mean[f] += weights[i] * points[i, f]
    mean /= total
    result = 0.0
    for i in range(start, stop):
        square = 0.0
        for f in range(width):
            square += (points[i, f] - mean[f]) ** 2
        result += weights[i] * (square if squared else np.sqrt(square))
    return result / total, total


@kernel
def _partition(points, weights, order, start, stop, first, second):  # type: ignore[no-untyped-def]
    """Lloyd's 2-means on a slice, then reorder the slice; return where the second part starts."""
    width = points.shape[1]
    side = np.zeros(stop - start, np.bool_)
    axis = np.empty(width)
    for iteration in range(MAX_ITERATIONS):
        threshold = 0.0
        for f in range(width):
            axis[f] = second[f] - first[f]
            threshold += axis[f] * (second[f] + first[f]) / 2
        changed = iteration == 0
        weight_a = weight_b = 0.0
        sum_a, sum_b = np.zeros(width), np.zeros(width)
        for i in range(start, stop):
            along = 0.0
            for f in range(width):
                along += axis[f] * points[i, f]
            far = along > threshold
            if far != side[i - start]:
                changed = True
                side[i - start] = far
            if far:
                weight_b += weights[i]
                for f in range(width):
                    sum_b[f] += weights[i] * points[i, f]
            else:
                weight_a += weights[i]
                for f in range(width):
                    sum_a[f] += weights[i] * points[i, f]
        if not changed or weight_a == 0 or weight_b == 0:
            break
        for f in range(width):
            first[f], second[f] = sum_a[f] / weight_a, sum_b[f] / weight_b
    low, high = start, stop - 1
    while low <= high:
        if not side[low - start]:
            low += 1
        else:
            for f in range(width):
                points[low, f], points[high, f] = points[high, f], points[low, f]
            weights[low], weights[high] = weights[high], weights[low]
            order[low], order[high] = order[high], order[low]
            side[low - start], side[high - start] = side[high - start], side[low - start]
            high -= 1
    return low


@kernel
def _divide(points, weights, order, delta, squared, limit):  # type: ignore[no-untyped-def]
    """Depth-first dichotomy in place. Nodes: start, stop, parent, leaf; and their distances."""
    nodes = np.empty((2 * limit + 1, 4), np.int64)
    distances = np.empty(2 * limit + 1)
    leaves = np.empty(len(weights), np.int64)
    stack = [(0, len(weights), -1)]
    count = leaf_count = 0
    while len(stack) > 0:
        start, stop, parent = stack.pop()
        distance, _ = _mean_distance(points, weights, start, stop, squared)
        node = count
        count += 1
        nodes[node, 0], nodes[node, 1], nodes[node, 2] = start, stop, parent
        distances[node] = distance
        middle = stop
        if distance >= delta and stop - start > 1 and leaf_count + len(stack) + 1 < limit:
            first, second = two_seeds(points, weights, start, stop)
            middle = _partition(points, weights, order, start, stop, first, second)
        if middle == stop or middle == start:
            nodes[node, 3] = 1
            leaves[start:stop] = leaf_count
            leaf_count += 1
        else:
            nodes[node, 3] = 0
            stack.append((middle, stop, node))
            stack.append((start, middle, node))
    return leaves, nodes[:count], distances[:count]


def dichotomy(
    colormap: np.ndarray,
    delta: float = 10.0,
    criterion: str = "l2",
    features: str = "rgb+lab",
    bits: int = 6,
    max_clusters: int = 4096,
) -> Clusters:
    """Cluster the colours of `colormap` (h, w, 3) uint8 by repeated 2-means.

    A node is split until the mean distance of its pixels to their mean is below `delta`:
    unsquared for `criterion="l2"`, squared as equation 7 is printed for `"squared"`. Pixels enter
    as colours binned to `bits` per channel and weighted by their number; 8 is exact. At most
    `max_clusters` clusters are made.
    """
    if criterion not in CRITERIA:
        raise ValueError(f"criterion must be one of {', '.join(CRITERIA)}, not {criterion!r}")
    if not delta > 0:
        raise ValueError(f"delta must be above 0, not {delta}")
    bins = bin_colors(colormap, bits)
    points = pixel_features(bins.colors, features)
    order = np.arange(len(points))
    if len(points) == 0:
        return Clusters(bins, points, order, ())
    moved, weights = points.copy(), bins.counts.astype(np.float64)
    leaves, nodes, distances = _divide(
        moved, weights, order, delta, criterion == "squared", min(max_clusters, len(points))
    )
    assignment = np.empty(len(points), np.int64)
    assignment[order] = leaves
    tree = tuple(
        Split(int(parent), order[start:stop], float(distance), bool(leaf))
        for (start, stop, parent, leaf), distance in zip(nodes, distances, strict=True)
    )
    return Clusters(bins, points, assignment, tree)


def decode_dichotomy(
    colormap: np.ndarray,
    *,
    palette: Palette | None = None,
    background: bool = True,
    delta: float = 10.0,
    criterion: str = "l2",
    features: str = "rgb+lab",
    min_area: float = 0.0005,
    bits: int = 6,
) -> Decoded:
    """The paper's decoder: `dichotomy`, then `finish_clusters`.

    `min_area` is a share of the image; the other options are those of `dichotomy`.
    """
    clusters = dichotomy(colormap, delta, criterion, features, bits)
    return finish_clusters(
        clusters.bins,
        clusters.features,
        clusters.assignment,
        min_area=min_area,
        delta=delta,
        palette=palette,
        background=background,
    )
