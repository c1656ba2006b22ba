"""The colours that a colormap really has: peaks among its flat pixels.

A pixel between two regions is a mixture of their colours and stands on a slope; a pixel inside
an entity stands on flat ground, however far the autoencoder or the network moved its colour.
Peaks are therefore sought among flat pixels alone, and no colour is assumed in advance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from unigs.colormap.bins import ColorBins
from unigs.io.kernels import kernel

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
            for channel in range(3):
                away = abs(np.int32(pixels[y, x, channel]) - np.int32(pixels[y, x + 1, channel]))
                step = max(step, away)
            histogram[step] += 1


def noise_level(pixels: np.ndarray) -> float:
    """First quartile over neighbouring pixels of their largest channel difference, 0..255.

    About 1.3 times the standard deviation of white noise; blind to edges, which are fewer.
    """
    histogram = np.zeros(256, np.int64)
    _steps(pixels, histogram)
    total = np.cumsum(histogram)
    return float(np.searchsorted(total, total[-1] / 4, side="right")) if total[-1] else 0.0


@kernel
def smooth(pixels, out):
    """Mean of 3 x 3 pixels of (h, w, 3) uint8 into `out`, borders repeated."""
    height, width = pixels.shape[:2]
    row = np.empty((width, 3), np.int32)
    for y in range(height):
        above, below = max(y - 1, 0), min(y + 1, height - 1)
        for x in range(width):
            for c in range(3):
                row[x, c] = (
                    np.int32(pixels[above, x, c]) + pixels[y, x, c] + np.int32(pixels[below, x, c])
                )
        for x in range(width):
            left, right = max(x - 1, 0), min(x + 1, width - 1)
            for c in range(3):
                out[y, x, c] = (row[left, c] + row[x, c] + row[right, c] + 4) // 9


@kernel
def _count_flat(pixels, index, limit, counts):
    """Per bin, pixels that differ from their right and lower neighbours by at most `limit`."""
    height, width = index.shape
    rows = pixels.reshape(height, 3 * width)
    step = np.empty(3 * width, np.uint8)
    for y in range(height):
        # Channel by channel along whole rows, so that the differences vectorise.
        here, below = rows[y], rows[min(y + 1, height - 1)]
        for i in range(3 * width):
            step[i] = max(here[i], below[i]) - min(here[i], below[i])
        for i in range(3 * width - 3):
            across = max(here[i], here[i + 3]) - min(here[i], here[i + 3])
            step[i] = max(step[i], np.uint8(across))
        for x in range(width):
            if max(step[3 * x], step[3 * x + 1], step[3 * x + 2]) <= limit:
                counts[index[y, x]] += 1


@kernel
def climb(colors, counts, order, radius, peaks, weight):
    """Peaks in the order of population; each takes what lies within `radius` and is nearest."""
    found = 0
    for turn in range(2):
        sums = np.zeros_like(peaks)
        weight[:] = 0
        for o in order:
            if counts[o] == 0:
                break
            best, least = -1, radius * radius
            for k in range(found):
                square = 0.0
                for c in range(3):
                    square += (colors[o, c] - peaks[k, c]) ** 2
                if square < least:
                    best, least = k, square
            if best < 0:
                if turn == 1 or found == len(peaks):
                    continue
                best = found
                peaks[best] = colors[o]
                found += 1
            weight[best] += counts[o]
            for c in range(3):
                sums[best, c] += counts[o] * colors[o, c]
        for k in range(found):
            if weight[k] > 0:
                peaks[k] = sums[k] / weight[k]
    return found


@kernel
def _sharpen(colors, counts, order, radius, peaks, weight, found):
    """Append bins beyond every peak that hold nearly all of the pixels around them."""
    beyond = np.empty(len(order), np.int64)
    size = 0
    for o in order:
        far = True
        for k in range(found):
            square = 0.0
            for c in range(3):
                square += (colors[o, c] - peaks[k, c]) ** 2
            far &= square >= radius * radius
        if far:
            beyond[size] = o
            size += 1
    for i in range(min(size, MAX_SHARP)):
        bin_count = counts[beyond[i]]
        if bin_count < SMALLEST or found == len(peaks):
            break
        around = 0
        for j in range(size):
            square = 0.0
            for c in range(3):
                square += (colors[beyond[i], c] - colors[beyond[j], c]) ** 2
            if square < radius * radius:
                around += counts[beyond[j]]
        if bin_count >= SHARP * around:
            peaks[found] = colors[beyond[i]]
            weight[found] = bin_count
            found += 1
    return found


def find_modes(
    pixels: np.ndarray, bins: ColorBins, radius: float, flat_step: float, limit: int = 512
) -> Modes:
    """Return the peaks of the colours of `pixels` (h, w, 3) uint8, whose bins are `bins`.

    Colours within `radius` of a more populous peak belong to it. Pixels count where no channel
    differs by more than `flat_step` from the next pixel to the right or below. An entity too thin
    for flat ground is still a peak if one bin of at least SMALLEST pixels holds the share SHARP of
    all pixels within `radius`: mixtures are spread over many bins. At most `limit` modes.
    """
    counts = np.zeros(len(bins.counts), np.int64)
    _count_flat(pixels, bins.index, flat_step, counts)
    peaks, weight = np.zeros((limit, 3)), np.zeros(limit, np.int64)
    order = np.argsort(-counts, kind="stable")
    found = climb(bins.colors, counts, order, float(radius), peaks, weight)
    order = np.argsort(-bins.counts, kind="stable")
    found = _sharpen(bins.colors, bins.counts, order, float(radius), peaks, weight, found)
    if found == 0:
        peaks[0], weight[0], found = bins.colors[order[0]], bins.counts[order[0]], 1
    kept = np.flatnonzero(weight[:found] > 0)
    return Modes(peaks[kept], weight[kept])


@kernel
def nearest_mode(colors, modes):
    """Index of the nearest of `modes` (m, 3) for each of `colors` (k, 3)."""
    count = len(colors)
    out = np.zeros(count, np.int32)
    least = np.full(count, np.inf)
    red, green, blue = colors[:, 0].copy(), colors[:, 1].copy(), colors[:, 2].copy()
    for k in range(len(modes)):
        # All colours against one mode, without a branch, so that the loop vectorises.
        for i in range(count):
            square = (
                (red[i] - modes[k, 0]) ** 2
                + (green[i] - modes[k, 1]) ** 2
                + (blue[i] - modes[k, 2]) ** 2
            )
            closer = square < least[i]
            least[i] = square if closer else least[i]
            out[i] = k if closer else out[i]
    return out
