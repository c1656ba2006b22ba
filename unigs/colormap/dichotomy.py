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
def _mean(points, weights, start, stop):
    mean = np.empty(len(points))
    total = weights[start:stop].sum()
    for f in range(len(points)):
        mean[f] = np.dot(points[f, start:stop], weights[start:stop]) / total
    return mean, total


@kernel
def _mean_distance(points, weights, mean, total, start, stop, squared):
    square = np.zeros(stop - start)
    for f in range(len(points)):
        for i in range(stop - start):
            away = points[f, start + i] - mean[f]
            square[i] += away * away
    result = 0.0
    for i in range(stop - start):
        result += weights[start + i] * (square[i] if squared else np.sqrt(square[i]))
    return result / total


@kernel
def two_seeds(points, weights, start, stop):
    """Two seeds for 2-means: the weighted mean plus and minus one deviation along the main axis.

    `points` (f, k), of which `start:stop` count. The axis is the one of greatest variance, by 12
    power iterations from the row of the feature that varies most; no randomness.
    """
    width = len(points)
    mean, total = _mean(points, weights, start, stop)
    spread = np.empty((width, width))
    weighted = np.empty(stop - start)
    for f in range(width):
        for i in range(stop - start):
            weighted[i] = weights[start + i] * (points[f, start + i] - mean[f])
        for g in range(f, width):
            product = 0.0
            for i in range(stop - start):
                product += weighted[i] * (points[g, start + i] - mean[g])
            spread[f, g] = spread[g, f] = product
    best = np.argmax(np.diag(spread))
    axis = spread[best].copy()
    for _ in range(12):
        axis = np.dot(spread, axis / np.sqrt((axis * axis).sum()))
    length = np.sqrt((axis * axis).sum())
    step = axis / length * np.sqrt(length / total)
    return mean - step, mean + step


@kernel
def _two_means(points, weights, start, stop, first, second, mean, total):
    """Lloyd's algorithm on a slice until no point changes sides; True marks the second side."""
    width, size = len(points), stop - start
    side = np.zeros(size, np.bool_)
    along = np.empty(size)
    axis, far_sum = np.empty(width), np.zeros(width)
    far_weight = 0.0
    for _ in range(MAX_ITERATIONS):
        threshold = 0.0
        along[:] = 0.0
        for f in range(width):
            axis[f] = second[f] - first[f]
            threshold += axis[f] * (second[f] + first[f]) / 2
            for i in range(size):
                along[i] += axis[f] * points[f, start + i]
        changed = False
        for i in range(size):
            far = along[i] > threshold
            if far != side[i]:
                changed = True
                side[i] = far
                moved = weights[start + i] if far else -weights[start + i]
                far_weight += moved
                for f in range(width):
                    far_sum[f] += moved * points[f, start + i]
        if not changed or far_weight <= 0 or far_weight >= total:
            break
        for f in range(width):
            second[f] = far_sum[f] / far_weight
            first[f] = (mean[f] * total - far_sum[f]) / (total - far_weight)
    return side


@kernel
def _partition(points, weights, order, start, stop, side):
    low, high = start, stop - 1
    while low <= high:
        if not side[low - start]:
            low += 1
            continue
        for f in range(len(points)):
            points[f, low], points[f, high] = points[f, high], points[f, low]
        weights[low], weights[high] = weights[high], weights[low]
        order[low], order[high] = order[high], order[low]
        side[low - start], side[high - start] = side[high - start], side[low - start]
        high -= 1
    return low


@kernel
def _divide(points, weights, order, delta, squared, limit):
    """Depth-first dichotomy in place. Nodes: start, stop, parent, leaf; and their distances."""
    nodes = np.empty((2 * limit + 1, 4), np.int64)
    distances = np.empty(2 * limit + 1)
    leaves = np.empty(len(weights), np.int64)
    stack = [(0, len(weights), -1)]
    count = leaf_count = 0
    while len(stack) > 0:
        start, stop, parent = stack.pop()
        mean, total = _mean(points, weights, start, stop)
        distance = _mean_distance(points, weights, mean, total, start, stop, squared)
        node = count
        count += 1
        nodes[node, 0], nodes[node, 1], nodes[node, 2] = start, stop, parent
        distances[node] = distance
        middle = stop
        if distance >= delta and stop - start > 1 and leaf_count + len(stack) + 1 < limit:
            first, second = two_seeds(points, weights, start, stop)
            side = _two_means(points, weights, start, stop, first, second, mean, total)
            middle = _partition(points, weights, order, start, stop, side)
        if middle in (stop, start):
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
    moved, weights = np.ascontiguousarray(points.T), bins.counts.astype(np.float64)
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
