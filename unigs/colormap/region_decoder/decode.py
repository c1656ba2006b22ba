"""The default decoder: colours from flat ground, boundaries by growing regions towards them."""

from __future__ import annotations

import math

import numpy as np

from unigs.colormap.bins import ColorBins, bin_colors, check_colormap
from unigs.colormap.closest import closest
from unigs.colormap.decoded import Decoded
from unigs.colormap.orders import all_colors
from unigs.colormap.palette import Palette
from unigs.colormap.region_decoder.confidence import confidence, evidence
from unigs.colormap.region_decoder.flood import grow
from unigs.colormap.region_decoder.gathering import Gathered, gather
from unigs.colormap.region_decoder.leftovers import recover
from unigs.colormap.region_decoder.location import Cells
from unigs.colormap.region_decoder.modes import find_modes, noise_level, smooth
from unigs.colormap.region_decoder.slopes import clear_slopes
from unigs.io.kernels import kernel, kernel_part
from unigs.io.label_kernels import look_up

# Constants here and in the room, and the defaults of `decode_regions`, are in levels of 0 to 255 or
# pixels unless they say otherwise; chosen on COCO's training photographs (docs/codec.md).
MAX_SMOOTHING = 3
# From here on a colour is another than its region's, however little noise there is.
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
    guide = NO_IMAGE if image is None else check_colormap(image, "an image")
    if image is not None and guide.shape != pixels.shape:
        raise ValueError(f"an image {guide.shape} cannot guide a colormap {pixels.shape}")
    if pixels.size == 0:
        return Decoded(np.zeros((height, width), np.int32), np.zeros(0, np.float32))
    for _ in range(MAX_SMOOTHING):
        if noise_level(pixels) <= calm:
            break
        pixels = smooth(pixels)
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
    sure = np.zeros(len(colors), np.bool_)
    rows = np.empty((4, width), np.bool_)
    _certain(labels, pixels, colors, float(tolerance * noise), rows, sure, seeds)
    if not sure.all():
        _flat(labels, pixels, sure, math.floor(flat_step), seeds)
    grow(seeds, pixels, colors, guide)
    if clear_slopes(seeds, pixels, cells, gap=gap, price=price):
        grow(seeds, pixels, colors, guide)
    colors = recover(
        seeds,
        pixels,
        colors,
        cells,
        far=max(FAR, 3 * noise),
        gap=float(gap),
        smallest=smallest,
        price=price,
    )
    return _finish(gather(seeds, pixels, cells, float(radius), drift), cells, palette, background)


def _assign(bins: ColorBins, colors: np.ndarray) -> np.ndarray:
    return look_up(bins.index, closest(bins.colors, colors)[0])


@kernel_part
def _even(labels, y, rows, row):
    """Where the row `y` of `labels` equals its left and right neighbours, into a row of `rows`."""
    last = labels.shape[1] - 1
    for x in range(1, last):
        rows[row, x] = (labels[y, x - 1] == labels[y, x]) & (labels[y, x + 1] == labels[y, x])
    rows[row, 0] = last == 0 or labels[y, 0] == labels[y, 1]
    rows[row, last] = last == 0 or labels[y, last] == labels[y, last - 1]


@kernel
def _certain(labels, pixels, colors, tolerance, rows, sure, seeds):
    """Keep labels whose 3 x 3 pixels agree or whose colour fits within `tolerance`; else -1.

    `sure` (m,) becomes true for labels with such a pixel; `rows` (4, w) bool are for use in here.
    """
    height, width = labels.shape
    limit = tolerance * tolerance
    first = height - height
    _even(labels, first, rows, first)
    for y in range(height):
        above = y - 1 if y > 0 else y
        below = y + 1 if y + 1 < height else y
        before = above % 3
        here = y % 3
        after = below % 3
        _even(labels, below, rows, after)
        for x in range(width):
            column = (labels[above, x] == labels[y, x]) & (labels[below, x] == labels[y, x])
            rows[3, x] = column & rows[before, x] & rows[here, x] & rows[after, x]
        for x in range(width):
            label = labels[y, x]
            if not rows[3, x]:
                square = 0.0
                for c in range(3):
                    away = pixels[y, x, c] - colors[label, c]
                    square += away * away
                if square > limit:
                    seeds[y, x] = -1
                    continue
            seeds[y, x] = label
            sure[label] = True


@kernel
def _flat(labels, pixels, sure, limit, seeds):
    """Keep the flat pixels, within `limit` of those to the right and below, of labels that are not
    `sure`."""
    height, width = labels.shape
    for y in range(height):
        below = y + 1 if y + 1 < height else y
        for x in range(width):
            if sure[labels[y, x]]:
                continue
            right = x + 1 if x + 1 < width else x
            flat = True
            for c in range(3):
                here = np.int32(pixels[y, x, c])
                flat &= abs(here - np.int32(pixels[y, right, c])) <= limit
                flat &= abs(here - np.int32(pixels[below, x, c])) <= limit
            if flat:
                seeds[y, x] = labels[y, x]


def _shape(
    labels: np.ndarray, pixels: np.ndarray, colors: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Per label: pixels, pixels whose four neighbours agree, mean square distance to its colour.

    Also the root mean square distance over the pixels with agreeing neighbours: the noise.
    """
    count, core = np.zeros((2, len(colors)), np.int64)
    spread = np.zeros(len(colors))
    inner = _sum_shape(labels, pixels, colors, count, core, spread)
    noise = math.sqrt(inner / max(int(core.sum()), 1))
    return count, core, spread / np.maximum(count, 1), noise


@kernel
def _sum_shape(labels, pixels, colors, count, core, spread):
    height, width = labels.shape
    inner = 0.0
    for y in range(height):
        above = y - 1 if y > 0 else y
        below = y + 1 if y + 1 < height else y
        for x in range(width):
            label = labels[y, x]
            square = 0.0
            for c in range(3):
                away = pixels[y, x, c] - colors[label, c]
                square += away * away
            count[label] += 1
            spread[label] += square
            left = x - 1 if x > 0 else x
            right = x + 1 if x + 1 < width else x
            same = labels[above, x] == label and labels[below, x] == label
            if same and labels[y, left] == label and labels[y, right] == label:
                core[label] += 1
                inner += square
    return inner


# A peak is thin if a smaller share of its pixels than this has four neighbours of its label.
THIN = 0.15
# Root mean square distance of a slope's pixels to its colour: more than this.
SLOPE_SPREAD = 10.0
# Distance of a slope's colour to the line between the two colours: less than this.
SLOPE_GAP = 20.0
# Where on that line it lies, in shares from either end: nearer to one of them it is that colour.
SLOPE_END = 0.15


def _slopes(
    colors: np.ndarray, count: np.ndarray, core: np.ndarray, spread: np.ndarray
) -> np.ndarray:
    """Which colours (m,) are slopes: thin, of varied colour, and between two larger ones.

    Pixels of a blurred boundary are cut out of a continuous change of colour, so that they spread
    widely around their mean, and they form a line. A thin entity has the line, not the spread.
    """
    result = (core < THIN * count) & (spread > SLOPE_SPREAD**2)
    if result.any():
        _keep_between(colors, count, result)
    return result


@kernel
def _keep_between(colors, count, result):
    """Keep those of `result` that lie between two colours of more than twice their pixels."""
    for index in range(len(colors)):
        if not result[index]:
            continue
        result[index] = False
        for first in range(1, len(colors)):
            if result[index]:
                break
            if count[first] <= 2 * count[index]:
                continue
            for second in range(first):
                if count[second] <= 2 * count[index]:
                    continue
                length = 1e-9
                share = 0.0
                gap = 0.0
                for c in range(3):
                    along = colors[second, c] - colors[first, c]
                    length += along * along
                    share += along * (colors[index, c] - colors[first, c])
                share /= length
                for c in range(3):
                    along = colors[second, c] - colors[first, c]
                    away = colors[index, c] - colors[first, c] - share * along
                    gap += away * away
                if share > SLOPE_END and share < 1 - SLOPE_END and gap < SLOPE_GAP**2:
                    result[index] = True
                    break


def _finish(found: Gathered, cells: Cells, palette: Palette | None, background: bool) -> Decoded:
    entity = np.ones(len(found.area), bool)
    if background:
        known = (all_colors() if palette is None else palette.colors).astype(np.float64)
        to_palette = ((found.colors[:, None] - known[None]) ** 2).sum(-1).min(axis=1)
        entity &= (found.colors**2).sum(-1) >= to_palette
    rank = np.argsort(np.where(entity, -found.area, 0), kind="stable")[: entity.sum()]
    table = np.zeros(len(found.area), np.int32)
    table[rank] = np.arange(1, len(rank) + 1)
    segments = look_up(found.parts, table[found.entity])
    clues = evidence(found, cells)[rank]
    return Decoded(segments, confidence(clues).astype(np.float32), clues)
