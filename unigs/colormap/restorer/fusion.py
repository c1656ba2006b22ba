"""Fuse two decodings of one colormap: higher scores first."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import find_objects

from unigs.colormap.decoded import Decoded

# IoU above which two readings are of one entity, as in the matching of metrics.
SAME = 0.5


def fuse(first: Decoded, second: Decoded) -> Decoded:
    """Return the entities of two readings of one size, the higher score first, without overlap.

    An entity whose IoU with one already taken is above a half, or of which less than half is
    still free, is not taken; what is free of it goes in the end to the one it overlaps most,
    unless either reading calls the place nothing.
    """
    readings = (first.segments, second.segments)
    if first.segments.size == 0:
        return first
    scores = np.concatenate([first.scores, second.scores])
    owners = np.repeat([0, 1], [len(first.scores), len(second.scores)])
    labels = np.concatenate([np.arange(len(one.scores)) + 1 for one in (first, second)])
    # An entity's own rectangle, so that many small ones do not cost many times the image.
    boxes = [box for reading in readings for box in find_objects(reading)]
    segments = np.zeros_like(first.segments)
    taken: list[int] = []
    areas = [0]
    rest: list[tuple[int, int]] = []
    for index in np.argsort(-scores, kind="stable"):
        here = segments[boxes[index]]
        mask = readings[owners[index]][boxes[index]] == labels[index]
        size = int(mask.sum())
        overlap = np.bincount(here[mask], minlength=len(areas))
        free = int(overlap[0])
        overlap[0] = 0
        most = int(overlap.argmax())
        common = int(overlap[most])
        if common and (common > SAME * (areas[most] + size - common) or 2 * free < size):
            rest.append((int(index), most))
            continue
        taken.append(int(index))
        areas.append(free)
        here[mask & (here == 0)] = len(taken)
    something = (first.segments > 0) & (second.segments > 0)
    for index, label in rest:
        box = boxes[index]
        mask = (readings[owners[index]][box] == labels[index]) & something[box]
        segments[box][mask & (segments[box] == 0)] = label
    order = np.argsort(-np.bincount(segments.ravel(), minlength=len(areas))[1:], kind="stable")
    table = np.zeros(len(areas), np.int32)
    table[order + 1] = np.arange(1, len(order) + 1)
    return Decoded(table[segments], scores[taken][order].astype(np.float32))
