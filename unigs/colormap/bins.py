"""Weighted distinct or binned colours of a colormap, so that clustering need not see pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unigs.io.kernels import kernel

# So many pixels of 255 sum to less than 2^31: two sums fit into one 64-bit word.
MAX_PACKED = 1 << 23


@dataclass(frozen=True, slots=True, eq=False)
class ColorBins:
    """The occupied bins of one colormap.

    `colors` (k, 3) float64, mean colour of the pixels of the bin; `counts` (k,) int64; `index`
    (h, w) int32, the bin of each pixel.
    """

    colors: np.ndarray
    counts: np.ndarray
    index: np.ndarray


def check_colormap(colormap: np.ndarray, what: str = "a colormap") -> np.ndarray:
    """Return `colormap` as a contiguous and writable (h, w, 3) uint8 array, a copy if need be.

    Raises ValueError, in which it is called `what`, for anything else.
    """
    array = np.asarray(colormap)
    if array.ndim != 3 or array.shape[2] != 3:
        raise ValueError(f"{what} must have the shape (h, w, 3), not {array.shape}")
    if array.dtype != np.uint8:
        raise ValueError(f"{what} must be uint8, not {array.dtype}")
    # Kernels are compiled for one kind of array.
    return np.require(array, requirements=("C", "A", "W"))


@kernel
def _bin(flat, shift, slots, found, packed, index):
    """Number of bins after `flat` (n, 3), `found` before; fills `slots`, `packed` and `index`.

    `packed` must be 0 for those found before.
    """
    bits = np.uint32(8 - shift)
    shift = np.uint32(shift)
    half = np.uint64(32)
    # Unsigned throughout: a signed index would be checked for counting from the end.
    for i in range(flat.shape[0]):
        red, green, blue = np.uint32(flat[i, 0]), np.uint32(flat[i, 1]), np.uint32(flat[i, 2])
        key = (((red >> shift) << bits | (green >> shift)) << bits) | (blue >> shift)
        slot = slots[key]
        if slot < 0:
            slot = np.int32(found)
            slots[key] = slot
            packed[found, 0] = 0
            packed[found, 1] = 0
            found += 1
        row = np.uint32(slot)
        # Four sums in two words: memory is what this loop waits for.
        packed[row, 0] += np.uint64(red) | (np.uint64(green) << half)
        packed[row, 1] += np.uint64(blue) | (np.uint64(1) << half)
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
    # Not zeroed: at this size that takes as long as the pixels; `_bin` clears what it uses.
    packed = np.empty((min(len(flat), len(slots)), 2), np.uint64)
    sums = np.zeros((0, 4), np.int64)
    index = np.empty(len(flat), np.int32)
    for start in range(0, len(flat), MAX_PACKED):
        part = slice(start, start + MAX_PACKED)
        packed[: len(sums)] = 0
        found = _bin(flat[part], 8 - bits, slots, len(sums), packed, index[part])
        low, high = packed[:found] & 0xFFFFFFFF, packed[:found] >> 32
        added = np.stack([low[:, 0], high[:, 0], low[:, 1], high[:, 1]], axis=1).astype(np.int64)
        added[: len(sums)] += sums
        sums = added
    counts = sums[:, 3].copy()
    return ColorBins(sums[:, :3] / counts[:, None], counts, index.reshape(height, width))


def _distinct(flat: np.ndarray, shift: int, shape: tuple[int, int]) -> ColorBins:
    coarse = (flat >> shift).astype(np.int32)
    key = (coarse[:, 0] << 16) | (coarse[:, 1] << 8) | coarse[:, 2]
    _, index, counts = np.unique(key, return_inverse=True, return_counts=True)
    sums = [np.bincount(index, flat[:, channel], len(counts)) for channel in range(3)]
    colors = np.stack(sums, axis=1) / counts[:, None]
    return ColorBins(colors, counts, index.astype(np.int32).reshape(shape))
