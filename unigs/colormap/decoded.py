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

    def __repr__(self) -> str:
        height, width = self.segments.shape
        found = f"{len(self.scores)} entities in {width}x{height}"
        if len(self.scores):
            found += f", scores {self.scores.min():.2f} to {self.scores.max():.2f}"
        return f"Decoded({found})"

    @property
    def masks(self) -> np.ndarray:
        """The entities as (n, h, w) bool."""
        return self.segments[None] == np.arange(1, len(self.scores) + 1)[:, None, None]


def softmax_scores(
    points: np.ndarray,
    weights: np.ndarray,
    assignment: np.ndarray,
    centers: np.ndarray,
    delta: float,
) -> np.ndarray:
    """Mean over the pixels of each cluster of softmax_j(-|p - c_j|^2 / (2 delta)) at its own.

    `points` (k, f), `weights` (k,) pixels a point, `assignment` (k,) into `centers` (n, f), f at
    most 6 -> (n,) float64. Clusters whose term is below exp(-30) of a point's own are left out of
    its sum.
    """
    count, width = centers.shape
    # Always six features, the rest zero: written out, the loop over the clusters vectorises.
    rows, columns = np.zeros((len(points), 6)), np.zeros((6, count))
    rows[:, :width], columns[:width] = points, centers.T
    own = assignment.astype(np.int32)
    score = np.zeros(count)
    _score(rows, weights.astype(np.float64), own, columns, float(delta), np.empty(count), score)
    total = np.bincount(own, weights, count)
    return np.divide(score, total, out=score, where=total > 0)


@kernel
def _score(rows, weights, assignment, columns, delta, square, score):
    count = len(score)
    for i in range(len(rows)):
        for j in range(count):
            red = rows[i, 0] - columns[0, j]
            green = rows[i, 1] - columns[1, j]
            blue = rows[i, 2] - columns[2, j]
            light = rows[i, 3] - columns[3, j]
            a = rows[i, 4] - columns[4, j]
            b = rows[i, 5] - columns[5, j]
            square[j] = red * red + green * green + blue * blue + (light * light + a * a + b * b)
        own = assignment[i]
        reach = square[own] + 60 * delta
        mass = 0.0
        for j in range(count):
            if square[j] < reach:
                away = (square[own] - square[j]) / (2 * delta)
                mass += np.exp(away if away < 700.0 else 700.0)
        score[own] += weights[i] / mass
