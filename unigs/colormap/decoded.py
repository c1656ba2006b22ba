"""The output of every decoder, and a score for the paper's clusters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unigs.io.kernels import kernel


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """Entities found in a colormap.

    `segments` (h, w) int32, 0 = nothing, entities from 1 in descending area; `scores` (n,)
    float32 in 0..1, the confidence in entity i + 1; `evidence` (n, m) what the scores were
    computed from, where the decoder's scores are calibrated.
    """

    segments: np.ndarray
    scores: np.ndarray
    evidence: np.ndarray | None = None

    @property
    def masks(self) -> np.ndarray:
        """The entities as (n, h, w) bool."""
        return self.segments[None] == np.arange(1, len(self.scores) + 1)[:, None, None]


@kernel
def softmax_scores(points, weights, assignment, centers, delta):
    """Mean over the pixels of each cluster of softmax_j(-|p - c_j|^2 / (2 delta)) at its own.

    `points` (k, f), `weights` (k,) pixels a point, `assignment` (k,) into `centers` (n, f), f at
    most 6 -> (n,) float64. Clusters whose term is below exp(-30) of a point's own are left out of
    its sum.
    """
    count, width = centers.shape
    total, score, square = np.zeros(count), np.zeros(count), np.empty(count)
    # Always six features, the rest zero: written out, the loop over the clusters vectorises.
    rows, columns = np.zeros((len(points), 6)), np.zeros((6, count))
    for f in range(width):
        for i in range(len(points)):
            rows[i, f] = points[i, f]
        for j in range(count):
            columns[f, j] = centers[j, f]
    red, green, blue, light, a, b = columns
    for i in range(len(points)):
        p, q, r, s, t, u = rows[i]
        for j in range(count):
            away = (p - red[j]) ** 2 + (q - green[j]) ** 2 + (r - blue[j]) ** 2
            away += (s - light[j]) ** 2 + (t - a[j]) ** 2 + (u - b[j]) ** 2
            square[j] = away
        own = assignment[i]
        reach = square[own] + 60 * delta
        mass = 0.0
        for j in range(count):
            if square[j] < reach:
                mass += np.exp(min((square[own] - square[j]) / (2 * delta), 700.0))
        total[own] += weights[i]
        score[own] += weights[i] / mass
    for j in range(count):
        if total[j] > 0:
            score[j] /= total[j]
    return score
