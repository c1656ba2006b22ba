"""Where two models differ: in which metrics, classes and sizes, and on which images."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from unigs.comparison.evaluation import Evaluation
from unigs.errors import DataError
from unigs.metrics.bootstrap.comparison import Difference, compare
from unigs.metrics.bootstrap.draws import Interval
from unigs.metrics.bootstrap.per_image import PerImage
from unigs.metrics.matching import match

#: Upper bounds of an entity's share of the image: 16, 64 and 128 pixels a side of 512.
SIZES = {"up to 0.1 %": 1 / 1024, "to 1.6 %": 1 / 64, "to 6.3 %": 1 / 16, "larger": 1.0}

#: Class names of the true entities of a sample, by label.
Classes = Mapping[str, Mapping[int, str]]


@dataclass(frozen=True, slots=True)
class Row:
    """A metric, class or size: both models' values with their intervals, and the difference of the
    first minus the second over ``count`` images."""

    name: str
    first: float
    first_ends: Interval
    second: float
    second_ends: Interval
    difference: Difference
    count: int


def metric_rows(first: Evaluation, second: Evaluation) -> list[Row]:
    """Return a row for each metric that both have of every image.

    Raises:
        DataError: they share no image.
    """
    names = [value.name for value in first.values if value.name in second.scores.parts]
    return _rows(first.scores, second.scores, names)


def deciding_metric(first: Evaluation, second: Evaluation) -> str:
    """Return the metric by which images are chosen: the first that both have.

    Raises:
        DataError: they share no metric.
    """
    for value in first.values:
        if value.name in second.scores.parts:
            return value.name
    raise DataError("the two share no metric", file=second.folder, hint="evaluate both alike")


def entity_rows(
    first: Evaluation, second: Evaluation, classes: Classes | None
) -> tuple[list[Row], list[Row]]:
    """Return the mean IoU of true entities by size, and by class where ``classes`` is known; none
    where the models predict no masks."""
    keys = [key for key in first.files if key in second.files]
    sides = [
        {key: found for key in keys if (found := _entities(side, key)) is not None}
        for side in (first, second)
    ]
    both = [key for key in keys if all(key in side for side in sides)]
    if not both:
        return [], []
    by_size = [
        _grouped({key: [(_size(area), iou) for _, area, iou in side[key]] for key in both}, SIZES)
        for side in sides
    ]
    sizes = _rows(
        by_size[0], by_size[1], [name for name in SIZES if by_size[0].parts[name][:, 1].any()]
    )
    if classes is None:
        return sizes, []
    named = [
        {
            key: [(classes.get(key, {}).get(label, "?"), iou) for label, _, iou in side[key]]
            for key in both
        }
        for side in sides
    ]
    every = sorted({name for rows in named[0].values() for name, _ in rows})
    by_class = [_grouped(side, every) for side in named]
    return sizes, _rows(by_class[0], by_class[1], every)


def chosen_images(
    first: Evaluation, second: Evaluation, metric: str, count: int
) -> list[tuple[str, float, float]]:
    """Return (key, first, second) of up to ``count`` images, whose predictions both have, with
    their own values: a third each of those that are best for the first against the second, in the
    middle, and worst, best first."""
    a, b = (own_values(side.scores, metric) for side in (first, second))
    held = set(first.files) & set(second.files)
    keys = sorted(
        (key for key in a if key in b and key in held), key=lambda key: (b[key] - a[key], key)
    )
    third = count // 3 or min(count, 1)
    if len(keys) <= count or not third:
        chosen = keys[:count]
    else:
        start = (len(keys) - third) // 2
        picked = {*keys[:third], *keys[start : start + third], *keys[-third:]}
        chosen = [key for key in keys if key in picked]
    return [(key, a[key], b[key]) for key in chosen]


def own_values(scores: PerImage, metric: str) -> dict[str, float]:
    """Return the metric of each image that has one of its own, by key."""
    top, bottom = scores.parts[metric].T
    shown = np.flatnonzero(bottom)
    return {scores.keys[n]: float(top[n] / bottom[n]) for n in shown}


def _rows(a: PerImage, b: PerImage, names: Iterable[str]) -> list[Row]:
    shared = set(a.keys) & set(b.keys)
    if not shared:
        raise DataError("the two share no image", hint="evaluate both on the same shards")
    a, b = a.only(shared), b.only(shared)
    ends = a.intervals(), b.intervals()
    return [
        Row(
            name,
            a.value(name),
            ends[0][name],
            b.value(name),
            ends[1][name],
            compare(a, b, name),
            int(a.parts[name][:, 1].astype(bool).sum()),
        )
        for name in names
    ]


def _entities(side: Evaluation, key: str) -> list[tuple[int, float, float]] | None:
    """Return (label, share of the image, IoU) of true entities; None without predicted masks."""
    found = side.labels(key)
    if found is None:
        return None
    truth = side.truth(key)
    matches = match(truth, found)
    rows = zip(matches.gt_labels, matches.gt_area / truth.size, matches.iou, strict=True)
    return [(int(label), float(area), float(iou)) for label, area, iou in rows]


def _size(area: float) -> str:
    return next(name for name, most in SIZES.items() if area <= most)


def _grouped(images: Mapping[str, Sequence[tuple[str, float]]], groups: Iterable[str]) -> PerImage:
    names = list(groups)
    table = {}
    for key, rows in images.items():
        found = {name: [iou for group, iou in rows if group == name] for name in names}
        table[key] = {name: (sum(ious), float(len(ious))) for name, ious in found.items()}
    return PerImage.of(table)
