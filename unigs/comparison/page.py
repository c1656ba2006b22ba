"""The comparison as one HTML file that needs no network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment

from unigs.comparison.breakdown import (
    Row,
    chosen_images,
    deciding_metric,
    entity_rows,
    metric_rows,
    own_values,
)
from unigs.comparison.charts import Chart, distribution, training_curves
from unigs.comparison.curves import Curves
from unigs.comparison.evaluation import Evaluation
from unigs.comparison.inputs import Inputs
from unigs.comparison.pictures import entities, photograph
from unigs.evaluation.table import number
from unigs.io.files import writing
from unigs.metrics.bootstrap.draws import DRAWS, Interval

#: Bytes that a page has at most; images are left out to stay below.
MOST_BYTES = 5_000_000
_RULE = (
    "By {metric} of the image: a third each of those in which the first model gains most over the "
    "second, of the middle, and of those in which it loses most, in this order; {shown} of {all}."
)

_LEFT_OUT = " Some were left out to keep the page small."


@dataclass(frozen=True, slots=True)
class Comparison:
    """One task: its title, the rows of its tables, and what the page shows of it."""

    title: str
    metrics: list[Row]
    shown: dict[str, Any]


def compare_task(
    title: str, first: Evaluation, second: Evaluation, inputs: Inputs | None, images: int
) -> Comparison:
    """Compare two evaluations of one task.

    Args:
        title: heading, the name of the task.
        inputs: of the samples; without them the page shows no photographs and no classes.
        images: shown at most.

    Raises:
        DataError: the two share no image or no metric, or a file of predictions is gone.
    """
    deciding = deciding_metric(first, second)
    metrics = metric_rows(first, second)
    sizes, classes = entity_rows(first, second, None if inputs is None else inputs.classes)
    chosen = chosen_images(first, second, deciding, images)
    shared = len(set(first.files) & set(second.files))
    shown = {
        "title": title,
        "metrics": [_text(row) for row in metrics],
        "sizes": [_text(row) for row in sizes],
        "classes": [_text(row) for row in classes],
        "distributions": [_distribution(first, second, row.name) for row in metrics if row.count],
        "rule": _RULE.format(metric=deciding, shown=len(chosen), all=shared),
        "images": [_image(first, second, inputs, *one) for one in chosen],
    }
    return Comparison(title, metrics, shown)


def write_page(
    path: Path,
    first: str,
    second: str,
    tasks: list[Comparison],
    curves: tuple[Curves, Curves] = ({}, {}),
    without: Sequence[str] = (),
) -> int:
    """Write the page; return its size in bytes.

    Images are left out from the end of the longest list until it has at most 5 MB.

    Args:
        first, second: names of the models.
        curves: of the trainings of both, as far as they are known.
        without: sentences on those that are not.
    """
    source = resources.files("unigs.comparison").joinpath("page.html.j2").read_text("utf-8")
    template = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
        source
    )
    shown = [dict(task.shown) for task in tasks]
    trainings = _trainings((first, second), curves)
    while True:
        text = template.render(
            first=first,
            second=second,
            tasks=shown,
            trainings=trainings,
            without=without,
            draws=DRAWS,
        )
        data = text.encode()
        longest = max(shown, key=lambda task: len(task["images"]))
        if len(data) <= MOST_BYTES or not longest["images"]:
            break
        keep = int(len(longest["images"]) * 0.9)
        longest["rule"] = longest["rule"].removesuffix(_LEFT_OUT) + _LEFT_OUT
        longest["images"] = longest["images"][:keep]
    with writing(path) as partial:
        partial.write_bytes(data)
    return len(data)


def _distribution(first: Evaluation, second: Evaluation, metric: str) -> Chart:
    """Draw the metric over the images of which both have it."""
    a, b = (own_values(side.scores, metric) for side in (first, second))
    keys = [key for key in a if key in b]
    sides = (np.array([side[key] for key in keys], np.float64) for side in (a, b))
    return distribution(metric, (first.name, second.name), *sides)


def _trainings(names: tuple[str, str], curves: tuple[Curves, Curves]) -> list[Chart]:
    metrics = dict.fromkeys([*curves[0], *curves[1]])
    charts = (
        training_curves(
            metric,
            {name: side.get(metric, ()) for name, side in zip(names, curves, strict=True)},
        )
        for metric in metrics
    )
    return [chart for chart in charts if chart is not None]


def _text(row: Row) -> dict[str, Any]:
    difference = row.difference
    verdict = "better" if difference.better else "worse" if difference.worse else ""
    return {
        "name": row.name,
        "first": _with_ends(row.first, row.first_ends),
        "second": _with_ends(row.second, row.second_ends),
        "difference": str(difference),
        "verdict": verdict,
        "p": "" if np.isnan(difference.p) else f"{difference.p:.3f}",
        "count": row.count,
    }


def _with_ends(value: float, ends: Interval) -> str:
    return f"{number(value)} [{number(ends.low)}, {number(ends.high)}]"


def _image(
    first: Evaluation, second: Evaluation, inputs: Inputs | None, key: str, a: float, b: float
) -> dict[str, Any]:
    pictures: list[dict[str, str]] = []

    def add(title: str, kind: str, source: str) -> None:
        pictures.append({"title": title, "kind": kind, "source": source})

    sample = None if inputs is None else inputs.shown.get(key)
    shown: dict[str, Any] = {"key": key, "first": number(a), "second": number(b)}
    if sample is not None:
        shown |= {"photo": sample.photo, "prompt": sample.prompt}
        for title, source in sample.given.items():
            add(title, "pixels" if title == "coarse mask" else "", source)
    add("true entities", "pixels", entities(first.truth(key)))
    masks = first.labels(key), second.labels(key)
    if masks[0] is not None and masks[1] is not None:
        shown["first_mask"], shown["second_mask"] = entities(masks[0]), entities(masks[1])
    elif sample is not None:
        add("photograph", "", sample.photo)
    for side in (first, second):
        for kind, title in (("images", "image"), ("colormaps", "colormap")):
            if (file := side.picture(kind, key)) is not None:
                add(f"{title} by {side.name}", "", photograph(file))
    return shown | {"pictures": pictures}
