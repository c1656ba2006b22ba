"""Seeded region growing: pixels without a label take that of a neighbour, best fit first."""

from __future__ import annotations

import numpy as np

from unigs.io.kernels import kernel, kernel_part

# Prices fall into so many classes of that many levels, each with a list of offers, in place of a
# heap: 128 x 3.5 is just more than the largest distance of two colours.
LEVELS, CLASS_WIDTH = 128, 3.5
# What a step of the image adds to a price, against a step of the colormap.
GUIDANCE = 0.5


def grow(labels: np.ndarray, pixels: np.ndarray, colors: np.ndarray, image: np.ndarray) -> None:
    """Fill the pixels of `labels` (h, w) int32 that are -1, in place.

    A label is offered to the neighbours of its pixels at the price of the distance between their
    colour in `pixels` (h, w, 3) uint8 and the label's in `colors` (k, 3); the cheapest offer in
    the whole image is taken first (Adams and Bischof, 1994), so fronts meet where the colours
    change. `image` (h, w, 3) uint8, if not empty, makes offers across its own edges dearer.
    Pixels that no offer reaches stay -1.
    """
    # A pixel gets at most one offer from each side.
    offers = np.empty((4 * np.count_nonzero(labels < 0), 3), np.int32)
    _grow(labels, pixels, colors, image, np.full(LEVELS, -1, np.int32), offers)


@kernel
def _grow(labels, pixels, colors, image, head, offers):
    """Offers are lists, the last one first: each has the next of its price, a pixel and a label;
    `head` (LEVELS,) are their beginnings."""
    height, width = labels.shape
    used = 0
    lowest = LEVELS
    for y in range(height):
        for x in range(width):
            if labels[y, x] >= 0:
                continue
            for side in range(4):
                v = y + (side == 1) - (side == 0)
                u = x + (side == 3) - (side == 2)
                if v < 0 or v >= height or u < 0 or u >= width or labels[v, u] < 0:
                    continue
                price = _price(pixels, image, y, x, v, u, colors, labels[v, u])
                offers[used, 0] = head[price]
                offers[used, 1] = y * width + x
                offers[used, 2] = labels[v, u]
                head[price] = used
                used += 1
                if price < lowest:
                    lowest = price
    while lowest < LEVELS:
        entry = head[lowest]
        if entry < 0:
            lowest += 1
            continue
        head[lowest] = offers[entry, 0]
        y = offers[entry, 1] // width
        x = offers[entry, 1] - y * width
        if labels[y, x] >= 0:
            continue
        label = offers[entry, 2]
        labels[y, x] = label
        for side in range(4):
            v = y + (side == 1) - (side == 0)
            u = x + (side == 3) - (side == 2)
            if v < 0 or v >= height or u < 0 or u >= width or labels[v, u] >= 0:
                continue
            price = _price(pixels, image, v, u, y, x, colors, label)
            offers[used, 0] = head[price]
            offers[used, 1] = v * width + u
            offers[used, 2] = label
            head[price] = used
            used += 1
            if price < lowest:
                lowest = price


@kernel_part
def _price(pixels, image, y, x, v, u, colors, label):
    """Price class of `label` for the pixel (y, x), offered from (v, u)."""
    square = 0.0
    for channel in range(3):
        away = pixels[y, x, channel] - colors[label, channel]
        square += away * away
    price = np.sqrt(square)
    if image.size > 0:
        for channel in range(3):
            edge = np.float64(image[y, x, channel]) - np.float64(image[v, u, channel])
            price += GUIDANCE * abs(edge)
    level = np.int64(price / CLASS_WIDTH)
    return level if level < LEVELS else LEVELS - 1
