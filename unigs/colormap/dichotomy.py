"""The progressive dichotomy module Phi of the paper (section 3.2, equations 6 and 7)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from unigs.colormap.bins import ColorBins, bin_colors
from unigs.colormap.clusters import finish_clusters
from unigs.colormap.color import pixel_features
from unigs.colormap.decoded import Decoded
from unigs.colormap.palette import Palette
from unigs.colormap.two_means import partition, rows_of, sums_of, two_means, two_seeds
from unigs.io.kernels import kernel

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


@kernel
def _mean_distance(points, weights, sums, start, stop, squared):
    red, green, blue, light, a, b = rows_of(points, start, stop)
    weight = weights[start:stop]
    mean = sums / sums[6]
    result = 0.0
    for i in range(len(weight)):
        square = (red[i] - mean[0]) ** 2 + (green[i] - mean[1]) ** 2 + (blue[i] - mean[2]) ** 2
        square += (light[i] - mean[3]) ** 2 + (a[i] - mean[4]) ** 2 + (b[i] - mean[5]) ** 2
        result += weight[i] * (square if squared else np.sqrt(square))
    return result / sums[6]


@kernel
def _divide(points, weights, order, delta, squared, limit):
    """Depth-first dichotomy in place. Nodes: start, stop, parent, leaf; and their distances."""
    nodes = np.empty((2 * limit + 1, 4), np.int64)
    distances = np.empty(2 * limit + 1)
    leaves = np.empty(len(weights), np.int64)
    stack = [(0, len(weights), -1, sums_of(points, weights, 0, len(weights)))]
    count = leaf_count = 0
    while len(stack) > 0:
        start, stop, parent, sums = stack.pop()
        distance = _mean_distance(points, weights, sums, start, stop, squared)
        node = count
        count += 1
        nodes[node, 0], nodes[node, 1], nodes[node, 2] = start, stop, parent
        distances[node] = distance
        middle = stop
        if distance >= delta and stop - start > 1 and leaf_count + len(stack) + 1 < limit:
            first, second = two_seeds(points, weights, start, stop)
            side, far = two_means(points, weights, sums, start, stop, first, second)
            middle = partition(points, weights, order, start, stop, side)
        if middle in (stop, start):
            nodes[node, 3] = 1
            leaves[start:stop] = leaf_count
            leaf_count += 1
        else:
            nodes[node, 3] = 0
            stack.append((middle, stop, node, far))
            stack.append((start, middle, node, sums - far))
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
        return Clusters(bins, points, order, order, np.zeros((0, 4), np.int64), np.zeros(0))
    # The kernels count on six rows; rows of zeros change no distance.
    rows = np.zeros((6, len(points)))
    rows[: points.shape[1]] = points.T
    leaves, nodes, distances = _divide(
        rows,
        bins.counts.astype(np.float64),
        order,
        delta,
        criterion == "squared",
        min(max_clusters, len(points)),
    )
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
