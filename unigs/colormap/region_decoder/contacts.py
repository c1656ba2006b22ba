"""Connected parts of a label map, and how strongly the colour steps between neighbours."""

from __future__ import annotations

import numpy as np

from unigs.io.kernels import kernel, kernel_part


def connected_parts(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the 4-connected parts of `labels` (h, w) int32, numbered from 0 in the order of their
    first pixel: (h, w) int32, and the label of each of them (count,) int32."""
    parts = np.empty_like(labels)
    # As many as there can be; memory that is not touched is not taken.
    parent, label_of = np.empty(labels.size, np.int32), np.empty(labels.size, np.int32)
    count = _components(labels, parts, parent, label_of)
    return parts, label_of[:count].copy()


def measure(parts: np.ndarray, pixels: np.ndarray, count: int) -> np.ndarray:
    """Sums over the pixels of each part of `parts` (h, w), (count, 7) float64.

    Number, red, green, blue, squared length of the colour, and x and y of the pixel's centre in
    shares of the image.
    """
    height, width = parts.shape
    sums = np.zeros((count, 7), np.int64)
    _measure(parts, pixels, sums)
    out = sums.astype(np.float64)
    out[:, 5] = (out[:, 5] + out[:, 0] / 2) / width
    out[:, 6] = (out[:, 6] + out[:, 0] / 2) / height
    return out


def contacts(parts: np.ndarray, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs of touching parts: (n, 2) int32, contact lengths (n,), mean colour steps (n,)."""
    border = _count_border(parts)
    size = 16
    while size < 2 * border:
        size *= 2
    slots = np.full(size, -1, np.int32)
    pairs = np.empty((border, 2), np.int32)
    length, step = np.zeros(border, np.int64), np.zeros(border)
    found = _contacts(parts, pixels, slots, pairs, length, step)
    return pairs[:found], length[:found], step[:found] / length[:found]


def join(count: int, pairs: np.ndarray) -> np.ndarray:
    """Group (count,) int32 of each part after joining `pairs` (n, 2) int32, numbered from 0 in the
    order of their first part."""
    groups = np.arange(count, dtype=np.int32)
    _join(groups, pairs)
    return groups


@kernel_part
def _root(parent, i):
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = np.int64(parent[i])
    return i


@kernel_part
def _unite(parent, i, j):
    a = _root(parent, np.int64(i))
    b = _root(parent, np.int64(j))
    if a < b:
        parent[b] = a
    else:
        parent[a] = b


@kernel
def _components(labels, out, parent, label_of):
    height, width = labels.shape
    found = 0
    for y in range(height):
        for x in range(width):
            label = labels[y, x]
            up = y > 0 and labels[y - 1, x] == label
            if x > 0 and labels[y, x - 1] == label:
                out[y, x] = out[y, x - 1]
                if up and out[y - 1, x] != out[y, x]:
                    _unite(parent, out[y - 1, x], out[y, x])
            elif up:
                out[y, x] = out[y - 1, x]
            else:
                parent[found] = found
                label_of[found] = label
                out[y, x] = found
                found += 1
    # A parent comes before its children: when they need its final number, it has it.
    count = 0
    for i in range(found):
        if parent[i] == i:
            label_of[count] = label_of[i]
            parent[i] = count
            count += 1
        else:
            parent[i] = parent[parent[i]]
    for y in range(height):
        for x in range(width):
            out[y, x] = parent[out[y, x]]
    return count


@kernel
def _join(parent, pairs):
    for i in range(len(pairs)):
        _unite(parent, pairs[i, 0], pairs[i, 1])
    count = 0
    for i in range(len(parent)):
        if parent[i] == i:
            parent[i] = count
            count += 1
        else:
            parent[i] = parent[parent[i]]


@kernel
def _measure(parts, pixels, sums):
    height, width = parts.shape
    for y in range(height):
        x = 0
        while x < width:
            part, start = parts[y, x], x
            red = green = blue = square = np.int64(0)
            while x < width and parts[y, x] == part:
                r = np.int64(pixels[y, x, 0])
                g = np.int64(pixels[y, x, 1])
                b = np.int64(pixels[y, x, 2])
                red += r
                green += g
                blue += b
                square += r * r + g * g + b * b
                x += 1
            run = x - start
            sums[part, 0] += run
            sums[part, 1] += red
            sums[part, 2] += green
            sums[part, 3] += blue
            sums[part, 4] += square
            sums[part, 5] += run * (start + x - 1) // 2
            sums[part, 6] += run * y


@kernel_part
def _step(pixels, parts, y, x, v, u):
    """Colour distance across a contact, one pixel behind it on either side if that is inside."""
    height, width = parts.shape
    ya = 2 * y - v
    xa = 2 * x - u
    yb = 2 * v - y
    xb = 2 * u - x
    if ya < 0 or xa < 0 or parts[ya, xa] != parts[y, x]:
        ya = y
        xa = x
    if yb >= height or xb >= width or parts[yb, xb] != parts[v, u]:
        yb = v
        xb = u
    square = 0.0
    for c in range(3):
        away = np.float64(pixels[ya, xa, c]) - np.float64(pixels[yb, xb, c])
        square += away * away
    return np.sqrt(square)


@kernel
def _count_border(parts):
    height, width = parts.shape
    border = 0
    for y in range(height):
        for x in range(width - 1):
            border += parts[y, x] != parts[y, x + 1]
    for y in range(height - 1):
        for x in range(width):
            border += parts[y, x] != parts[y + 1, x]
    return border


@kernel
def _contacts(parts, pixels, slots, pairs, length, step):
    height, width = parts.shape
    last = len(slots) - 1
    found = 0
    for y in range(height):
        for x in range(width):
            for side in range(2):
                v = y + side
                u = x + 1 - side
                if v == height or u == width or parts[y, x] == parts[v, u]:
                    continue
                low = parts[y, x]
                high = parts[v, u]
                if high < low:
                    low, high = high, low
                # The number of slots is a power of two.
                slot = (low * 73856093 + high * 19349663) & last
                while True:
                    entry = slots[slot]
                    if entry < 0:
                        entry = np.int32(found)
                        slots[slot] = entry
                        pairs[entry, 0] = low
                        pairs[entry, 1] = high
                        found += 1
                        break
                    if pairs[entry, 0] == low and pairs[entry, 1] == high:
                        break
                    slot = (slot + 1) & last
                length[entry] += 1
                step[entry] += _step(pixels, parts, y, x, v, u)
    return found
