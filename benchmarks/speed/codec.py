"""Speed of the codec as ratios measured in one run, on one core.

    OMP_NUM_THREADS=1 python -m benchmarks.speed.codec [--colormaps FOLDER]

Colormaps are the PNG files of a folder, for instance real ones after an autoencoder, as `unigs
codec --autoencoder DIR --trips FOLDER` caches them; without a folder, generated regions with blur
and noise. Times are the least of several repeats, CPU seconds of the
process, so that a busy machine changes the ratios little.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit
from PIL import Image
from scipy.ndimage import gaussian_filter
from sklearn.cluster import KMeans

from unigs.colormap import Palette, decode, decode_batch
from unigs.colormap.clustering.two_means import scratch_of, two_seeds
from unigs.colormap.color import pixel_features

DELTA = 10.0
seeds_of = njit(two_seeds)


def least(function: Callable[[], Any], repeats: int = 5, clock: Any = time.process_time) -> float:
    """Least time of `repeats` calls in milliseconds."""
    times = []
    for _ in range(repeats):
        start = clock()
        function()
        times.append(clock() - start)
    return 1e3 * min(times)


def generated(size: int, entities: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Voronoi regions at the given number, and their colormap with blur and noise."""
    rng = np.random.default_rng(seed)
    sites = rng.uniform(0, size, (entities, 2))
    y, x = np.mgrid[:size, :size]
    nearest = np.full((size, size), np.inf)
    segments = np.zeros((size, size), np.int32)
    for label, (v, u) in enumerate(sites, 1):
        away = (y - v) ** 2 + (x - u) ** 2
        segments[away < nearest] = label
        nearest = np.minimum(nearest, away)
    colormap = Palette().encode(segments).astype(np.float32)
    colormap = gaussian_filter(colormap, (0.8, 0.8, 0)) + rng.normal(0, 3, colormap.shape)
    return segments, np.clip(np.round(colormap), 0, 255).astype(np.uint8)


def histogram(colormap: np.ndarray) -> np.ndarray:
    """The yardstick: pack the pixels to 18 bits and count them with numpy."""
    high = (colormap >> 2).astype(np.int32)
    key = (high[..., 0] << 12) | (high[..., 1] << 6) | high[..., 2]
    return np.bincount(key.ravel(), minlength=1 << 18)


def recursion(colormap: np.ndarray) -> int:
    """The dichotomy with scikit-learn on pixels; returns the number of clusters."""
    features = pixel_features(colormap.reshape(-1, 3))
    stack, count = [features], 0
    while stack:
        points = stack.pop()
        if np.linalg.norm(points - points.mean(0), axis=1).mean() < DELTA or len(points) < 2:
            count += 1
            continue
        work, first, second, _, _, weighted, _ = scratch_of(len(points))
        sums, weights = np.append(points.sum(0), len(points)), np.ones(len(points))
        columns = np.ascontiguousarray(points.T)
        seeds_of(columns, weights, 0, len(points), sums, weighted, work, first, second)
        side = KMeans(2, init=np.array([first, second]), n_init=1).fit_predict(points)
        stack += [points[side == 0], points[side == 1]]
    return count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--colormaps", type=Path)
    parser.add_argument("--limit", type=int, default=20)
    parser.add_argument("--sizes", type=int, nargs="*", default=[128, 256, 512, 1024, 2048])
    arguments = parser.parse_args()
    palette = Palette()
    segments, colormap = generated(512, 12)
    colormaps = [colormap]
    if arguments.colormaps is not None:
        files = sorted(arguments.colormaps.glob("*.png"))[: arguments.limit]
        if not files:
            parser.error(f"no PNG file in {arguments.colormaps}")
        colormaps = [np.array(Image.open(file)) for file in files]
    for decoder in ("regions", "pdm"):
        decode(colormap, decoder, palette)
    recursion(colormap[:64, :64])

    def median(work: Callable[[np.ndarray], Any]) -> float:
        return float(np.median([least(lambda one=one: work(one)) for one in colormaps]))  # type: ignore[misc]

    yardstick = median(histogram)
    pdm = median(lambda one: decode(one, "pdm", palette, delta=DELTA))
    regions = median(lambda one: decode(one, "regions", palette))
    encode = least(lambda: palette.encode(segments))
    faster = [
        least(lambda one=one: recursion(one), repeats=1)  # type: ignore[misc]
        / least(lambda one=one: decode(one, "pdm", palette, delta=DELTA))  # type: ignore[misc]
        for one in colormaps
    ]
    print(f"{len(colormaps)} colormaps of {colormaps[0].shape[0]} px, CPU ms, least of 5, median")
    print(f"histogram {yardstick:.2f}  pdm {pdm:.2f}  regions {regions:.2f}  encode {encode:.2f}")
    print("goals: pdm at most 8, regions at most 15, encode at most 3")
    print(f"regions / histogram {regions / yardstick:.1f}   (goal: at most 12)")
    print(f"scikit-learn recursion / pdm {np.median(faster):.0f}   (goal: at least 100)")

    batch = (colormaps * 32)[:32]
    one, two = (
        least(
            lambda threads=threads: decode_batch(batch, palette=palette, threads=threads),  # type: ignore[misc]
            3,
            time.perf_counter,
        )
        for threads in (1, 2)
    )
    print(f"batch of 32, one thread / two threads {one / two:.2f}   (wall clock)")
    for name, pairs in {
        "size": [(size, 12) for size in arguments.sizes],
        "entities": [(512, count) for count in (1, 4, 15, 30, 60, 120)],
    }.items():
        for size, count in pairs:
            sample = generated(size, count)[1]
            times = [
                least(lambda d=decoder, m=sample: decode(m, d, palette), 3)  # type: ignore[misc]
                for decoder in ("regions", "pdm")
            ]
            mega = 1e6 / size**2
            print(
                f"sweep over {name}: {size} px, {count:3d} entities: ms a megapixel: "
                f"regions {times[0] * mega:.0f}, pdm {times[1] * mega:.0f}"
            )


if __name__ == "__main__":
    main()
