"""The default decoder: colours from flat ground, boundaries by growing regions towards them."""

from __future__ import annotations

from typing import Any

import numpy as np

from unigs.colormap.bins import ColorBins, bin_colors, check_colormap
from unigs.colormap.confidence import confidence, evidence
from unigs.colormap.decoded import Decoded
from unigs.colormap.flood import grow
from unigs.colormap.gathering import Gathered, gather
from unigs.colormap.leftovers import recover
from unigs.colormap.location import Cells
from unigs.colormap.modes import find_modes, nearest_mode, noise_level, smooth
from unigs.colormap.orders import all_colors
from unigs.colormap.palette import Palette
from unigs.colormap.slopes import clear_slopes
from unigs.io.kernels import kernel

MAX_SMOOTHING = 3
FAR = 32.0
NO_IMAGE = np.zeros((0, 0, 3), np.uint8)


def decode_regions(
    colormap: np.ndarray,
    *,
    palette: Palette | None = None,
    background: bool = True,
    image: np.ndarray | None = None,
    radius: float = 40.0,
    flat_step: float = 20.0,
    calm: float = 5.0,
    tolerance: float = 0.5,
    drift: float = 24.0,
    gap: float = 20.0,
    smallest: int = 8,
    price: float = 2.0,
) -> Decoded:
    """Return the entities of `colormap` (h, w, 3) uint8 without a count and without trusting its
    colours.

    1. While `noise_level` exceeds `calm`, average 3 x 3 pixels, at most three times.
    2. Peaks of colour among flat pixels (`find_modes` with `radius` and `flat_step`), without
       those that are only the slope between two others (`_slopes`).
    3. Pixels are certain where 3 x 3 agree on the nearest peak, or where the colour fits within
       `tolerance` times the noise measured inside; `grow` reaches the others from them, guided
       by the edges of `image` (h, w, 3) uint8 if it is given.
    4. Narrow parts along blurred boundaries are given to their neighbours (`clear_slopes`), and
       small groups of at least `smallest` pixels that no region and no mixture within `gap`
       explains become entities, if their colour belongs where they lie at less than `price`.
    5. Touching parts without a step above `drift` are joined, then parts of one colour, but not
       those that location tells apart (`gather`).
    6. With `background`, entities nearer to black than to any colour of `palette` become 0.

    Scores are `confidence`, a calibrated probability.

    Raises:
        ValueError: a colormap or an image of another shape or type.
    """
    pixels = check_colormap(colormap)
    height, width = pixels.shape[:2]
    guide = NO_IMAGE if image is None else check_colormap(image)
    if image is not None and guide.shape != pixels.shape:
        raise ValueError(f"an image {guide.shape} cannot guide a colormap {pixels.shape}")
    if pixels.size == 0:
        return Decoded(np.zeros((height, width), np.int32), np.zeros(0, np.float32))
    for _ in range(MAX_SMOOTHING):
        if noise_level(pixels) <= calm:
            break
        calmer = np.empty_like(pixels)
        smooth(pixels, calmer)
        pixels = calmer
    cells = Cells.of(palette)
    bins = bin_colors(pixels)
    colors = find_modes(pixels, bins, radius, flat_step).colors
    labels = _assign(bins, colors)
    count, core, spread, noise = _shape(labels, pixels, colors)
    keep = ~_slopes(colors, count, core, spread)
    if not keep.all():
        colors = colors[keep]
        labels = _assign(bins, colors)
    seeds = np.empty_like(labels)
    _certain(labels, pixels, colors, flat_step, tolerance * noise, seeds)
    grow(seeds, pixels, colors, guide)
    if clear_slopes(seeds, pixels, cells, gap=gap, price=price):
        grow(seeds, pixels, colors, guide)
    colors = recover(
        seeds,
        pixels,
        colors,
        cells,
        far=max(FAR, 3 * noise),
        gap=gap,
        smallest=smallest,
        price=price,
    )
    return _finish(gather(seeds, pixels, cells, radius, drift), cells, palette, background)


def _assign(bins: ColorBins, colors: np.ndarray) -> np.ndarray:
    labels = np.empty(bins.index.shape, np.int32)
    _take(bins.index.reshape(-1), nearest_mode(bins.colors, colors), labels.reshape(-1))
    return labels


@kernel
def _take(index, table, out):
    for i in range(index.size):
        out[i] = table[index[i]]


@kernel
def _even(labels, y, out):
    """Where the row `y` of `labels` equals its left and right neighbours, into `out` (w,) bool."""
    width = labels.shape[1]
    last = width - 1
    for x in range(1, last):
        out[x] = (labels[y, x - 1] == labels[y, x]) & (labels[y, x + 1] == labels[y, x])
    out[0] = labels[y, 0] == labels[y, min(1, last)]
    out[last] = labels[y, last] == labels[y, max(last - 1, 0)]


@kernel
def _certain(labels, pixels, colors, flat_step, tolerance, seeds):
    """Keep labels whose 3 x 3 pixels agree or whose colour fits within `tolerance`; else -1.

    A label without any such pixel keeps its flat ones.
    """
    height, width = labels.shape
    limit = tolerance * tolerance
    sure = np.zeros(len(colors), np.bool_)
    even = np.empty((3, width), np.bool_)
    agree = np.empty(width, np.bool_)
    _even(labels, 0, even[0])
    for y in range(height):
        above, below = max(y - 1, 0), min(y + 1, height - 1)
        _even(labels, below, even[below % 3])
        for x in range(width):
            column = (labels[above, x] == labels[y, x]) & (labels[below, x] == labels[y, x])
            agree[x] = column & even[above % 3, x] & even[y % 3, x] & even[below % 3, x]
        for x in range(width):
            label = labels[y, x]
            if not agree[x]:
                square = 0.0
                for c in range(3):
                    square += (pixels[y, x, c] - colors[label, c]) ** 2
                if square > limit:
                    seeds[y, x] = -1
                    continue
            seeds[y, x] = label
            sure[label] = True
    if sure.all():
        return
    for y in range(height):
        below = min(y + 1, height - 1)
        for x in range(width):
            if sure[labels[y, x]]:
                continue
            right = min(x + 1, width - 1)
            step: Any = 0
            for c in range(3):
                here = np.int32(pixels[y, x, c])
                step = max(step, abs(here - np.int32(pixels[y, right, c])))
                step = max(step, abs(here - np.int32(pixels[below, x, c])))
            if step <= flat_step:
                seeds[y, x] = labels[y, x]


@kernel
def _shape(labels, pixels, colors):
    """Per label: pixels, pixels whose four neighbours agree, mean square distance to its colour.

    Also the root mean square distance over the pixels with agreeing neighbours: the noise.
    """
    height, width = labels.shape
    count, core = np.zeros(len(colors), np.int64), np.zeros(len(colors), np.int64)
    spread = np.zeros(len(colors))
    inner = 0.0
    for y in range(height):
        above, below = max(y - 1, 0), min(y + 1, height - 1)
        for x in range(width):
            label = labels[y, x]
            square = 0.0
            for c in range(3):
                square += (pixels[y, x, c] - colors[label, c]) ** 2
            count[label] += 1
            spread[label] += square
            left, right = max(x - 1, 0), min(x + 1, width - 1)
            same = labels[above, x] == label and labels[below, x] == label
            if same and labels[y, left] == label and labels[y, right] == label:
                core[label] += 1
                inner += square
    noise = np.sqrt(inner / max(core.sum(), 1))
    return count, core, spread / np.maximum(count, 1), noise


THIN = 0.15
SLOPE_SPREAD = 10.0
SLOPE_GAP = 20.0


@kernel
def _slopes(colors, count, core, spread):
    """Which colours (m,) are slopes: thin, of varied colour, and between two larger ones.

    Pixels of a blurred boundary are cut out of a continuous change of colour, so that they spread
    widely around their mean, and they form a line. A thin entity has the line, not the spread.
    """
    result = np.zeros(len(colors), np.bool_)
    for index in range(len(colors)):
        if core[index] >= THIN * count[index] or spread[index] <= SLOPE_SPREAD**2:
            continue
        ends = np.flatnonzero(count > 2 * count[index])
        for first in range(1, len(ends)):
            if result[index]:
                break
            for second in range(first):
                start, along = colors[ends[first]], colors[ends[second]] - colors[ends[first]]
                length, share, gap = 1e-9, 0.0, 0.0
                for c in range(3):
                    length += along[c] ** 2
                    share += along[c] * (colors[index, c] - start[c])
                share /= length
                if share <= 0.15 or share >= 0.85:
                    continue
                for c in range(3):
                    gap += (colors[index, c] - start[c] - share * along[c]) ** 2
                if gap < SLOPE_GAP**2:
                    result[index] = True
                    break
    return result


def _finish(found: Gathered, cells: Cells, palette: Palette | None, background: bool) -> Decoded:
    entity = np.ones(len(found.area), bool)
    if background:
        known = (all_colors() if palette is None else palette.colors).astype(np.float64)
        to_palette = ((found.colors[:, None] - known[None]) ** 2).sum(-1).min(axis=1)
        entity &= (found.colors**2).sum(-1) >= to_palette
    rank = np.argsort(np.where(entity, -found.area, 0), kind="stable")[: entity.sum()]
    table = np.zeros(len(found.area), np.int32)
    table[rank] = np.arange(1, len(rank) + 1)
    segments = np.empty(found.parts.shape, np.int32)
    _take(found.parts.reshape(-1), table[found.entity], segments.reshape(-1))
    clues = evidence(found, cells)[rank]
    return Decoded(segments, confidence(clues).astype(np.float32), clues)
