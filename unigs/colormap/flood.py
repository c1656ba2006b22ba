"""Seeded region growing: pixels without a label take that of a neighbour, best fit first."""

from __future__ import annotations

import numpy as np

from unigs.io.kernels import kernel

LEVELS = 128
GUIDANCE = 0.5


@kernel
def grow(labels, pixels, colors, image):
    """Fill the pixels of `labels` (h, w) int32 that are -1, in place.

    A label is offered to the neighbours of its pixels at the price of the distance between their
    colour in `pixels` (h, w, 3) uint8 and the label's in `colors` (k, 3); the cheapest offer in
    the whole image is taken first (Adams and Bischof, 1994), so fronts meet where the colours
    change. `image` (h, w, 3) uint8, if not empty, makes offers across its own edges dearer.
    Pixels that no offer reaches stay -1.
    """
    height, width = labels.shape
    missing = 0
    for y in range(height):
        for x in range(width):
            missing += labels[y, x] < 0
    head = np.full(LEVELS, -1, np.int32)
    following = np.empty(4 * missing + 1, np.int32)
    place = np.empty(4 * missing + 1, np.int32)
    offer = np.empty(4 * missing + 1, np.int32)
    used = 0
    lowest = LEVELS
    step_y, step_x = (-1, 1, 0, 0), (0, 0, -1, 1)
    for y in range(height):
        for x in range(width):
            if labels[y, x] >= 0:
                continue
            for side in range(4):
                v, u = y + step_y[side], x + step_x[side]
                if v < 0 or v >= height or u < 0 or u >= width:
                    continue
                label = labels[v, u]
                if label < 0:
                    continue
                price = _price(pixels, image, y, x, v, u, colors, label)
                place[used], offer[used], following[used] = y * width + x, label, head[price]
                head[price] = used
                used += 1
                lowest = min(lowest, price)
    while lowest < LEVELS:
        entry = head[lowest]
        if entry < 0:
            lowest += 1
            continue
        head[lowest] = following[entry]
        y, x = place[entry] // width, place[entry] % width
        if labels[y, x] >= 0:
            continue
        label = offer[entry]
        labels[y, x] = label
        for side in range(4):
            v, u = y + step_y[side], x + step_x[side]
            if v < 0 or v >= height or u < 0 or u >= width or labels[v, u] >= 0:
                continue
            price = _price(pixels, image, v, u, y, x, colors, label)
            place[used], offer[used], following[used] = v * width + u, label, head[price]
            head[price] = used
            used += 1
            lowest = min(lowest, price)


@kernel
def _price(pixels, image, y, x, v, u, colors, label):
    """Price class of `label` for the pixel (y, x), offered from (v, u)."""
    square = 0.0
    for channel in range(3):
        square += (pixels[y, x, channel] - colors[label, channel]) ** 2
    price = np.sqrt(square)
    if image.size > 0:
        for channel in range(3):
            edge = np.float64(image[y, x, channel]) - np.float64(image[v, u, channel])
            price += GUIDANCE * abs(edge)
    return min(int(price / 3.5), LEVELS - 1)
