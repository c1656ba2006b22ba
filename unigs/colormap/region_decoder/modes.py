"""The colours that a colormap really has: peaks among its flat pixels.

A pixel between two regions is a mixture of their colours and stands on a slope; a pixel inside
an entity stands on flat ground, however far the autoencoder or the network moved its colour.
Peaks are therefore sought among flat pixels alone, and no colour is assumed in advance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from unigs.colormap.bins import ColorBins
from unigs.colormap.closest import closest
from unigs.io.kernels import kernel, kernel_part

# Of an entity without flat ground: pixels in one bin, their share of all within the radius, and
# bins that are tried, the most populous first.
SMALLEST = 4
SHARP = 0.7
MAX_SHARP = 256


@dataclass(frozen=True, slots=True, eq=False)
class Modes:
    """`colors` (m, 3) float64 and `flat` (m,) int64, the flat pixels behind each of them."""

    colors: np.ndarray
    flat: np.ndarray


@kernel
def _steps(pixels, histogram):
    height, width = pixels.shape[:2]
    for y in range(0, height, 2):
        for x in range(width - 1):
            step: Any = 0
            for c in range(3):
                away = abs(np.int32(pixels[y, x, c]) - np.int32(pixels[y, x + 1, c]))
                step = away if away > step else step
            histogram[step] += 1


def noise_level(pixels: np.ndarray) -> float:
    """First quartile over neighbouring pixels of their largest channel difference, 0..255.

    About 1.3 times the standard deviation of white noise; blind to edges, which are fewer.
    """
    histogram = np.zeros(256, np.int64)
    _steps(pixels, histogram)
    total = np.cumsum(histogram)
    return float(np.searchsorted(total, total[-1] / 4, side="right")) if total[-1] else 0.0


def smooth(pixels: np.ndarray) -> np.ndarray:
    """Mean of 3 x 3 pixels of (h, w, 3) uint8, borders repeated."""
    out = np.empty_like(pixels)
    _smooth(pixels, np.empty(pixels.shape[1:], np.int32), out)
    return out


@kernel
def _smooth(pixels, row, out):
    height, width = pixels.shape[:2]
    for y in range(height):
        above = y - 1 if y > 0 else y
        below = y + 1 if y + 1 < height else y
        for x in range(width):
            for c in range(3):
                row[x, c] = (
                    np.int32(pixels[above, x, c]) + pixels[y, x, c] + np.int32(pixels[below, x, c])
                )
        for x in range(width):
            left = x - 1 if x > 0 else x
            right = x + 1 if x + 1 < width else x
            for c in range(3):
                out[y, x, c] = (row[left, c] + row[x, c] + row[right, c] + 4) // 9


@kernel_part
def _apart(a, b):
    high = a if a > b else b
    low = b if a > b else a
    return np.uint8(high - low)


@kernel
def count_flat(rows, index, limit, step, counts):
    """Per bin, pixels that differ from their right and lower neighbours by at most `limit`.

    `rows` (h, 3 * w) are the pixels, `step` (3 * w,) is for use in here.
    """
    height, width = index.shape
    size = 3 * width
    for y in range(height):
        # Channel by channel along whole rows, so that the differences vectorise.
        below = y + 1 if y + 1 < height else y
        for i in range(size):
            step[i] = _apart(rows[y, i], rows[below, i])
        for i in range(size - 3):
            across = _apart(rows[y, i], rows[y, i + 3])
            step[i] = across if across > step[i] else step[i]
        for x in range(width):
            if step[3 * x] <= limit and step[3 * x + 1] <= limit and step[3 * x + 2] <= limit:
                counts[index[y, x]] += 1


@kernel_part
def _square(colors, i, others, k):
    red = colors[i, 0] - others[k, 0]
    green = colors[i, 1] - others[k, 1]
    blue = colors[i, 2] - others[k, 2]
    return red * red + green * green + blue * blue


@kernel
def _climb(colors, counts, order, radius, peaks, weight, sums):
    """Peaks in the order of population; each takes what lies within `radius` and is nearest.

    Fills `peaks` (n, 3) and `weight` (n,) and returns their number; `sums` (n, 3) is for use in
    here.
    """
    found = 0
    for turn in range(2):
        for k in range(len(peaks)):
            weight[k] = 0
            for c in range(3):
                sums[k, c] = 0.0
        for place in range(len(order)):
            o = order[place]
            if counts[o] == 0:
                break
            best = -1
            least = radius * radius
            for k in range(found):
                square = _square(colors, o, peaks, k)
                if square < least:
                    best = k
                    least = square
            if best < 0:
                if turn == 1 or found == len(peaks):
                    continue
                best = found
                for c in range(3):
                    peaks[best, c] = colors[o, c]
                found += 1
            weight[best] += counts[o]
            for c in range(3):
                sums[best, c] += counts[o] * colors[o, c]
        for k in range(found):
            if weight[k] > 0:
                for c in range(3):
                    peaks[k, c] = sums[k, c] / weight[k]
    return found


@kernel
def _around(colors, counts, radius, around):
    """Pixels within `radius` of each of the first of `colors` (k, 3), as many as `around` has."""
    for i in range(len(around)):
        for j in range(len(colors)):
            if _square(colors, i, colors, j) < radius * radius:
                around[i] += counts[j]


def _sharp(bins: ColorBins, radius: float, peaks: np.ndarray) -> np.ndarray:
    """Return the bins beyond `radius` of every peak that hold nearly all of the pixels around them,
    the most populous first."""
    order = np.argsort(-bins.counts, kind="stable")
    beyond = order[closest(bins.colors[order], peaks)[1] >= radius * radius]
    counts = bins.counts[beyond]
    around = np.zeros(np.count_nonzero(counts[:MAX_SHARP] >= SMALLEST), np.int64)
    _around(bins.colors[beyond], counts, radius, around)
    return beyond[: len(around)][counts[: len(around)] >= SHARP * around]


def find_modes(
    pixels: np.ndarray, bins: ColorBins, radius: float, flat_step: float, limit: int = 512
) -> Modes:
    """Return the peaks of the colours of `pixels` (h, w, 3) uint8, whose bins are `bins`.

    Colours within `radius` of a more populous peak belong to it. Pixels count where no channel
    differs by more than `flat_step` from the next pixel to the right or below. An entity too thin
    for flat ground is still a peak if one bin of at least SMALLEST pixels holds the share SHARP of
    all pixels within `radius`: mixtures are spread over many bins. At most `limit` modes.
    """
    height, width = bins.index.shape
    radius = float(radius)
    counts = np.zeros(len(bins.counts), np.int64)
    rows, step = pixels.reshape(height, 3 * width), np.empty(3 * width, np.uint8)
    count_flat(rows, bins.index, math.floor(flat_step), step, counts)
    peaks, sums, weight = np.zeros((limit, 3)), np.empty((limit, 3)), np.zeros(limit, np.int64)
    order = np.argsort(-counts, kind="stable")
    found = _climb(bins.colors, counts, order, radius, peaks, weight, sums)
    sharp = _sharp(bins, radius, peaks[:found])[: limit - found]
    if found == 0 and len(sharp) == 0:
        sharp = np.array([bins.counts.argmax()])
    kept = np.flatnonzero(weight[:found] > 0)
    colors = np.concatenate([peaks[kept], bins.colors[sharp]])
    return Modes(colors, np.concatenate([weight[kept], bins.counts[sharp]]))
