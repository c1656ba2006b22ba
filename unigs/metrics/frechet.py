"""Frechet distance and kernel distance between two sets of feature vectors, in float64.

The name of the features belongs to the name of the metric: only the 2015 Inception weights make a
Frechet distance an FID.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from unigs.errors import DataError

Features = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Sums over ``n`` feature vectors: ``total`` (d,) and ``outer`` (d, d), float64.

    Sums, not averages, so that processes merge by adding.
    """

    n: int
    total: Features
    outer: Features

    @classmethod
    def of(cls, features: ArrayLike) -> Moments:
        """Moments of (n, d) features."""
        values = _features(features)
        return cls(len(values), values.sum(0), values.T @ values)

    def __add__(self, other: Moments) -> Moments:
        return Moments(self.n + other.n, self.total + other.total, self.outer + other.outer)

    @property
    def mean(self) -> Features:
        """(d,) float64."""
        return self.total / self.n

    @property
    def covariance(self) -> Features:
        """(d, d) float64, unbiased."""
        return (self.outer - np.outer(self.total, self.mean)) / (self.n - 1)


def frechet_from_moments(a: Moments, b: Moments) -> float:
    """``|mean_a - mean_b|^2 + tr(A + B - 2 (A B)^(1/2))`` of two Gaussians (Heusel et al. 2017).

    The trace of the root is the sum of the roots of the eigenvalues of the symmetric
    ``A^(1/2) B A^(1/2)``, which stays real where a matrix square root of ``A B`` does not.
    """
    if min(a.n, b.n) < 2:
        raise DataError(f"a Frechet distance needs two samples on each side, not {a.n} and {b.n}")
    cov_a, cov_b = a.covariance, b.covariance
    values, vectors = np.linalg.eigh(cov_a)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    cross = np.linalg.eigvalsh(root @ cov_b @ root)
    shift = a.mean - b.mean
    trace = np.trace(cov_a) + np.trace(cov_b) - 2 * np.sqrt(np.maximum(cross, 0)).sum()
    return float(shift @ shift + trace)


def frechet_distance(a: ArrayLike, b: ArrayLike) -> float:
    """Frechet distance of (n, d) and (m, d) features.

    With centred rows ``X, Y`` scaled by ``(n-1)^(-1/2)`` the trace of the root is the nuclear norm
    of ``X Y^T``: exact where ``n < d`` leaves the covariances singular. Otherwise the moments do.
    """
    left, right = _features(a), _features(b)
    if left.shape[1] != right.shape[1]:
        raise DataError(f"features of {left.shape[1]} and {right.shape[1]} dimensions; use one set")
    if min(len(left), len(right)) < 2:
        raise DataError(
            f"a Frechet distance needs two samples a side, not {len(left)} and "
            f"{len(right)}; judge more images"
        )
    if min(len(left), len(right)) > left.shape[1]:
        origin = left.mean(0)
        return frechet_from_moments(Moments.of(left - origin), Moments.of(right - origin))
    shift = left.mean(0) - right.mean(0)
    x = (left - left.mean(0)) / np.sqrt(len(left) - 1)
    y = (right - right.mean(0)) / np.sqrt(len(right) - 1)
    nuclear = np.linalg.svd(x @ y.T, compute_uv=False).sum()
    return float(shift @ shift + (x * x).sum() + (y * y).sum() - 2 * nuclear)


def kernel_distance(
    a: ArrayLike,
    b: ArrayLike,
    *,
    subsets: int = 100,
    subset_size: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:
    """KID (Binkowski et al. 2018): mean and standard deviation of the unbiased squared MMD.

    Kernel ``(x.y / d + 1)^3``, over ``subsets`` seeded draws of ``subset_size``. Sides that are not
    larger than ``subset_size`` are compared once and whole, with deviation 0.
    """
    left, right = _features(a), _features(b)
    if min(len(left), len(right)) < 2:
        raise DataError(f"KID needs two samples a side, not {len(left)} and {len(right)}")
    if max(len(left), len(right)) <= subset_size:
        return _squared_mmd(left, right), 0.0
    rng = np.random.default_rng(seed)
    values = [
        _squared_mmd(*(side[rng.permutation(len(side))[:subset_size]] for side in (left, right)))
        for _ in range(subsets)
    ]
    return float(np.mean(values)), float(np.std(values))


def _squared_mmd(a: Features, b: Features) -> float:
    def kernel(x: Features, y: Features) -> Features:
        return (x @ y.T / x.shape[1] + 1) ** 3

    def off_diagonal_mean(square: Features) -> float:
        n = len(square)
        return float((square.sum() - np.trace(square)) / (n * (n - 1)))

    cross = float(kernel(a, b).mean())
    return off_diagonal_mean(kernel(a, a)) + off_diagonal_mean(kernel(b, b)) - 2 * cross


def _features(values: ArrayLike) -> Features:
    array = np.asarray(values, np.float64)
    if array.ndim != 2:
        raise DataError(f"features have shape {array.shape}; pass (n, d)")
    if not np.isfinite(array).all():
        raise DataError("features are not all finite; check the images and the network")
    return array


class FrechetMetric:
    """Frechet and kernel distance between real and generated images' features, keyed by image.

    ``compute()`` gives ``frechet_distance``, ``kid``, ``n_real`` and ``n_generated``; the caller
    adds the name of the features.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget every image."""
        self._real: dict[str, Features] = {}
        self._generated: dict[str, Features] = {}

    def update(self, key: str, real: ArrayLike | None, generated: ArrayLike | None) -> None:
        """Add the (d,) features of the real and the generated image ``key``; either may be None."""
        if real is not None:
            self._real[key] = np.asarray(real, np.float64)
        if generated is not None:
            self._generated[key] = np.asarray(generated, np.float64)

    def merge(self, other: FrechetMetric) -> None:
        """Take over another process's images."""
        self._real.update(other._real)
        self._generated.update(other._generated)

    def compute(self) -> dict[str, float]:
        """Distances over all images, sorted by key; NaN with fewer than two images on a side."""
        real, generated = (
            [side[key] for key in sorted(side)] for side in (self._real, self._generated)
        )
        counts = {"n_real": float(len(real)), "n_generated": float(len(generated))}
        if min(len(real), len(generated)) < 2:
            return {"frechet_distance": float("nan"), "kid": float("nan")} | counts
        a, b = np.stack(real), np.stack(generated)
        return {
            "frechet_distance": frechet_distance(a, b),
            "kid": kernel_distance(a, b)[0],
        } | counts
