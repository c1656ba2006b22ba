"""Connected components of a label map, and how strongly the colour steps between neighbours."""

from __future__ import annotations

import numpy as np

from unigs.io.kernels import kernel


@kernel
def _root(parent, i):
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@kernel
def components(labels, out):
    """4-connected components of `labels` (h, w) into `out` (h, w) int32, from 0; their number."""
    height, width = labels.shape
    parent = np.empty(labels.size // 2 + 2, np.int32)
    found = 0
    for y in range(height):
        for x in range(width):
            label = labels[y, x]
            up = y > 0 and labels[y - 1, x] == label
            left = x > 0 and labels[y, x - 1] == label
            if left:
                out[y, x] = out[y, x - 1]
                if up and out[y - 1, x] != out[y, x]:
                    a, b = _root(parent, out[y - 1, x]), _root(parent, out[y, x])
                    parent[max(a, b)] = min(a, b)
            elif up:
                out[y, x] = out[y - 1, x]
            else:
                if found == len(parent):
                    grown = np.empty(2 * len(parent), np.int32)
                    grown[:found] = parent
                    parent = grown
                parent[found] = found
                out[y, x] = found
                found += 1
    names = np.empty(found, np.int32)
    count = 0
    for i in range(found):
        root = _root(parent, i)
        if root == i:
            names[i] = count
            count += 1
        else:
            names[i] = names[root]
    for y in range(height):
        for x in range(width):
            out[y, x] = names[out[y, x]]
    return count


@kernel
def measure(parts, pixels, count):
    """Sums over the pixels of each part of `parts` (h, w), (count, 7) float64.

    Number, red, green, blue, squared length of the colour, and x and y of the pixel's centre in
    shares of the image.
    """
    height, width = parts.shape
    sums = np.zeros((count, 7), np.int64)
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
            row = sums[part]
            row[0] += run
            row[1] += red
            row[2] += green
            row[3] += blue
            row[4] += square
            row[5] += run * (start + x - 1) // 2
            row[6] += run * y
    out = sums.astype(np.float64)
    out[:, 5] = (out[:, 5] + out[:, 0] / 2) / width
    out[:, 6] = (out[:, 6] + out[:, 0] / 2) / height
    return out


@kernel
def _step(pixels, parts, y, x, v, u):
    """Colour distance across a contact, one pixel behind it on either side if that is inside."""
    height, width = parts.shape
    ya, xa, yb, xb = 2 * y - v, 2 * x - u, 2 * v - y, 2 * u - x
    if ya < 0 or xa < 0 or parts[ya, xa] != parts[y, x]:
        ya, xa = y, x
    if yb >= height or xb >= width or parts[yb, xb] != parts[v, u]:
        yb, xb = v, u
    square = 0.0
    for c in range(3):
        square += (np.float64(pixels[ya, xa, c]) - np.float64(pixels[yb, xb, c])) ** 2
    return np.sqrt(square)


@kernel
def contacts(parts, pixels):
    """Pairs of touching parts: (n, 2) int32, contact lengths (n,), mean colour steps (n,)."""
    height, width = parts.shape
    border = 0
    for y in range(height):
        for x in range(width):
            border += x + 1 < width and parts[y, x] != parts[y, x + 1]
            border += y + 1 < height and parts[y, x] != parts[y + 1, x]
    size = 16
    while size < 2 * border:
        size *= 2
    slots = np.full(size, -1, np.int32)
    pairs = np.empty((border, 2), np.int32)
    length, step = np.zeros(border, np.int64), np.zeros(border)
    found = 0
    for y in range(height):
        for x in range(width):
            for side in range(2):
                v, u = y + side, x + 1 - side
                if v == height or u == width or parts[y, x] == parts[v, u]:
                    continue
                low, high = min(parts[y, x], parts[v, u]), max(parts[y, x], parts[v, u])
                slot = (np.int64(low) * 73856093 + np.int64(high) * 19349663) % size
                while True:
                    entry = slots[slot]
                    if entry < 0:
                        slots[slot] = entry = found
                        pairs[found, 0], pairs[found, 1] = low, high
                        found += 1
                        break
                    if pairs[entry, 0] == low and pairs[entry, 1] == high:
                        break
                    slot = (slot + 1) % size
                length[entry] += 1
                step[entry] += _step(pixels, parts, y, x, v, u)
    return pairs[:found], length[:found], step[:found] / length[:found]


@kernel
def join(count, pairs, order):
    """Group (count,) int32 of each part after joining `pairs[order]`, numbered from 0."""
    parent = np.arange(count).astype(np.int32)
    for index in order:
        a, b = _root(parent, pairs[index, 0]), _root(parent, pairs[index, 1])
        parent[max(a, b)] = min(a, b)
    groups = np.empty(count, np.int32)
    found = 0
    for i in range(count):
        root = _root(parent, i)
        if root == i:
            groups[i] = found
            found += 1
        else:
            groups[i] = groups[root]
    return groups
