"""The progressive dichotomy module Phi of the paper (section 3.2, equations 6 and 7)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from unigs.colormap.bins import ColorBins, bin_colors
from unigs.colormap.clustering.clusters import finish_clusters
from unigs.colormap.clustering.two_means import partition, scratch_of, sums_of, two_means, two_seeds
from unigs.colormap.color import pixel_features
from unigs.colormap.decoded import Decoded
from unigs.colormap.palette import Palette
from unigs.io.kernels import kernel, kernel_part

CRITERIA = ("l2", "squared")


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


@dataclass(frozen=True, eq=False)
class Clusters:
    """Clusters of colour bins.

    `features` (k, f) and `assignment` (k,) int64 run over the bins. `order` (k,) are the bins as
    the dichotomy left them; `nodes` (n, 4) int64 the start and stop of each node in that order,
    its parent and whether it is a leaf; `distances` (n,) the left side of equation 7.
    """

    bins: ColorBins
    features: np.ndarray
    assignment: np.ndarray
    order: np.ndarray
    nodes: np.ndarray
    distances: np.ndarray

    @cached_property
    def tree(self) -> tuple[Split, ...]:
        """Every node visited, made when it is first asked for: decoding needs none of them."""
        return tuple(
            Split(parent, self.order[start:stop], distance, bool(leaf))
            for (start, stop, parent, leaf), distance in zip(
                self.nodes.tolist(), self.distances.tolist(), strict=True
            )
        )


@kernel_part
def _mean_distance(points, weights, sums, start, stop, squared):
    m0 = sums[0] / sums[6]
    m1 = sums[1] / sums[6]
    m2 = sums[2] / sums[6]
    m3 = sums[3] / sums[6]
    m4 = sums[4] / sums[6]
    m5 = sums[5] / sums[6]
    result = 0.0
    for i in range(np.uint64(start), np.uint64(stop)):
        d0 = points[0, i] - m0
        d1 = points[1, i] - m1
        d2 = points[2, i] - m2
        d3 = points[3, i] - m3
        d4 = points[4, i] - m4
        d5 = points[5, i] - m5
        square = d0 * d0 + d1 * d1 + d2 * d2 + (d3 * d3 + d4 * d4 + d5 * d5)
        result += weights[i] * (square if squared else np.sqrt(square))
    return result / sums[6]


@kernel
def _divide(
    points, weights, order, delta, squared, limit, nodes, distances, leaves, stack, waiting, scratch
):
    """Depth-first dichotomy in place; the number of nodes.

    Fills `nodes` (n, 4), start, stop, parent and leaf, their `distances`, and the leaf of each
    point. `stack` (limit + 1, 3) and `waiting` (limit + 1, 7) are the nodes to come, start, stop,
    parent, and their sums; `scratch` is what `two_means` works with.
    """
    work, first, second, sums, far, weighted, side = scratch
    sums_of(points, weights, 0, len(weights), sums)
    for f in range(7):
        waiting[0, f] = sums[f]
    stack[0, 0] = 0
    stack[0, 1] = len(weights)
    stack[0, 2] = -1
    top = 1
    count = 0
    leaf_count = 0
    while top > 0:
        top -= 1
        start = stack[top, 0]
        stop = stack[top, 1]
        for f in range(7):
            sums[f] = waiting[top, f]
        distance = _mean_distance(points, weights, sums, start, stop, squared)
        nodes[count, 0] = start
        nodes[count, 1] = stop
        nodes[count, 2] = stack[top, 2]
        nodes[count, 3] = 0
        distances[count] = distance
        middle = stop
        if distance >= delta and stop - start > 1 and leaf_count + top + 1 < limit:
            two_seeds(points, weights, start, stop, sums, weighted, work, first, second)
            two_means(points, weights, sums, start, stop, first, second, side, far)
            middle = partition(points, weights, order, start, stop, side)
        if start < middle < stop:
            stack[top, 0] = middle
            stack[top, 1] = stop
            stack[top, 2] = count
            stack[top + 1, 0] = start
            stack[top + 1, 1] = middle
            stack[top + 1, 2] = count
            for f in range(7):
                waiting[top, f] = far[f]
                waiting[top + 1, f] = sums[f] - far[f]
            top += 2
        else:
            nodes[count, 3] = 1
            for i in range(start, stop):
                leaves[i] = leaf_count
            leaf_count += 1
        count += 1
    return count


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
        return Clusters(bins, points, order, order, np.zeros((0, 4), np.int64), np.zeros(0))
    # The kernels count on six rows; rows of zeros change no distance.
    rows = np.zeros((6, len(points)))
    rows[: points.shape[1]] = points.T
    limit = min(max_clusters, len(points))
    nodes, distances = np.empty((2 * limit + 1, 4), np.int64), np.empty(2 * limit + 1)
    leaves = np.empty(len(points), np.int64)
    stack, waiting = np.empty((limit + 1, 3), np.int64), np.empty((limit + 1, 7))
    count = _divide(
        rows,
        bins.counts.astype(np.float64),
        order,
        float(delta),
        criterion == "squared",
        limit,
        nodes,
        distances,
        leaves,
        stack,
        waiting,
        scratch_of(len(points)),
    )
    nodes, distances = nodes[:count], distances[:count]
    assignment = np.empty(len(points), np.int64)
    assignment[order] = leaves
    return Clusters(bins, points, assignment, order, nodes, distances)


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
    """Return the entities by the paper's decoder: `dichotomy`, then `finish_clusters`.

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
