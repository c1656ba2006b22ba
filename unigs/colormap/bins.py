"""Weighted distinct or binned colours of a colormap, so that clustering need not see pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unigs.colormap.compile import kernel


@dataclass(frozen=True, slots=True, eq=False)
class ColorBins:
    """The occupied bins of one colormap.

    `colors` (k, 3) float64, mean colour of the pixels of the bin; `counts` (k,) int64; `index`
    (h, w) int32, the bin of each pixel.
    """

    colors: np.ndarray
    counts: np.ndarray
    index: np.ndarray


def check_colormap(colormap: np.ndarray) -> np.ndarray:
    """Return `colormap` as a contiguous (h, w, 3) uint8 array; ValueError for anything else."""
    array = np.asarray(colormap)
    if array.ndim != 3 or array.shape[2] != 3:
        raise ValueError(f"a colormap must have the shape (h, w, 3), not {array.shape}")
    if array.dtype != np.uint8:
        raise ValueError(f"a colormap must be uint8, not {array.dtype}")
    return np.ascontiguousarray(array)


@kernel
def _bin(flat, shift, slots, sums, counts, index):
    bits = 8 - shift
    found = 0
    for i in range(flat.shape[0]):
        red, green, blue = flat[i, 0], flat[i, 1], flat[i, 2]
        key = ((np.int64(red) >> shift) << (2 * bits)) | ((np.int64(green) >> shift) << bits)
        key |= np.int64(blue) >> shift
        slot = slots[key]
        if slot < 0:
            slot = found
            slots[key] = slot
            found += 1
        counts[slot] += 1
        sums[slot, 0] += red
        sums[slot, 1] += green
        sums[slot, 2] += blue
        index[i] = slot
    return found


def bin_colors(colormap: np.ndarray, bits: int = 6) -> ColorBins:
    """Bin the colours of `colormap` (h, w, 3) uint8 to `bits` per channel, 1 to 8.

    8 bits keep every distinct colour. Bins come in the order of their first pixel.
    """
    if not 1 <= bits <= 8:
        raise ValueError(f"bits must be 1 to 8, not {bits}")
    array = check_colormap(colormap)
    height, width = array.shape[:2]
    flat = array.reshape(-1, 3)
    if bits > 6:
        return _distinct(flat, 8 - bits, (height, width))
    slots = np.full(1 << (3 * bits), -1, np.int32)
    limit = min(len(flat), len(slots))
    sums = np.zeros((limit, 3), np.int64)
    counts = np.zeros(limit, np.int64)
    index = np.empty(len(flat), np.int32)
    found = _bin(flat, 8 - bits, slots, sums, counts, index)
    colors = sums[:found] / counts[:found, None]
    return ColorBins(colors, counts[:found], index.reshape(height, width))


def _distinct(flat: np.ndarray, shift: int, shape: tuple[int, int]) -> ColorBins:
    coarse = (flat >> shift).astype(np.int32)
    key = (coarse[:, 0] << 16) | (coarse[:, 1] << 8) | coarse[:, 2]
    _, index, counts = np.unique(key, return_inverse=True, return_counts=True)
    sums = [np.bincount(index, flat[:, channel], len(counts)) for channel in range(3)]
    colors = np.stack(sums, axis=1) / counts[:, None]
    return ColorBins(colors, counts, index.astype(np.int32).reshape(shape))
