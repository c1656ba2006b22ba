"""Charts inside the page: distributions of scores and curves of trainings, as inline SVG.

Each has a title and a description for those who do not see it, and its numbers as a table. The two
models differ in shape as well as in colour: filled and hatched bars, solid and dashed lines.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from unigs.evaluation.table import number

#: Steps and values of a training, in the order of the steps.
Curve = Sequence[tuple[int, float]]
BINS = 20
#: Points that a curve is drawn with at most; of longer ones the means of equal parts.
MOST_POINTS = 200
_WIDTH, _HEIGHT = 420, 200
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 8, 8, 36
_ROWS_OF_A_CURVE = 20


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart: its title, the SVG element, and its numbers as a table.

    Attributes:
        head, rows: texts of the table's cells.
    """

    title: str
    svg: Markup
    head: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


def distribution(
    metric: str, names: tuple[str, str], first: NDArray[np.float64], second: NDArray[np.float64]
) -> Chart:
    """Draw how a metric of images is distributed, for both models in the same bins.

    Args:
        metric: its name.
        names: of the two models.
        first, second: (images,) finite values of each.
    """
    both = np.concatenate([first, second])
    low, high = (float(both.min()), float(both.max())) if len(both) else (0.0, 1.0)
    if low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    low, high = _wide(low, high)
    edges = np.linspace(low, high, BINS + 1)
    counts = [np.histogram(values, edges)[0] for values in (first, second)]
    title = f"{metric} of the images"
    told = "; ".join(
        f"{name}: {len(values)} images, {_quartiles(values)}"
        for name, values in zip(names, (first, second), strict=True)
    )
    drawing = _Drawing(title, told, (low, high), (0.0, float(max(map(max, counts)) or 1)))
    for place in range(BINS):
        for side, count in enumerate(counts):
            middle = (edges[place] + edges[place + 1]) / 2
            ends = (edges[place], middle) if side == 0 else (middle, edges[place + 1])
            drawing.bar(side, *ends, float(count[place]))
    drawing.axes(metric, "images")
    rows = [
        (f"{number(edges[n])} to {number(edges[n + 1])}", *(str(int(c[n])) for c in counts))
        for n in range(BINS)
    ]
    return Chart(title, drawing.svg(), (metric, *names), rows)


def training_curves(metric: str, curves: Mapping[str, Curve]) -> Chart | None:
    """Draw a metric of trainings over their steps, a line a model; None without any value.

    Args:
        metric: its name.
        curves: of the two models by name, the first model's first; values that are not finite are
            left out.
    """
    drawn = {name: _thinned(curve) for name, curve in curves.items()}
    points = np.array([point for curve in drawn.values() for point in curve], np.float64)
    if not len(points):
        return None
    title = f"{metric} of the training"
    told = "; ".join(
        f"{name}: from {number(curve[0][1])} at step {curve[0][0]} to {number(curve[-1][1])} "
        f"at step {curve[-1][0]}"
        for name, curve in drawn.items()
        if curve
    )
    (_, low), (last, high) = points.min(0), points.max(0)
    drawing = _Drawing(title, told, (0.0, float(last)), (float(low), float(high)))
    for side, curve in enumerate(drawn.values()):
        drawing.line(side, curve)
    drawing.axes("step", metric)
    rows = [
        (name, str(step), number(value))
        for name, curve in drawn.items()
        for step, value in curve[:: max(1, math.ceil(len(curve) / _ROWS_OF_A_CURVE))]
    ]
    return Chart(title, drawing.svg(), ("model", "step", metric), rows)


class _Drawing:
    """An SVG of data in a frame with two axes."""

    def __init__(
        self, title: str, told: str, x: tuple[float, float], y: tuple[float, float]
    ) -> None:
        self._x, self._y = (_wide(*ends) for ends in (x, y))
        self._root = ElementTree.Element(
            "svg", {"viewBox": f"0 0 {_WIDTH} {_HEIGHT}", "role": "img", "class": "chart"}
        )
        ElementTree.SubElement(self._root, "title").text = title
        ElementTree.SubElement(self._root, "desc").text = told

    def bar(self, side: int, left: float, right: float, top: float) -> None:
        """Draw a bar of a model from the lower end of the y axis."""
        if top <= self._y[0]:
            return
        x, y = self._place(left, top)
        width, height = self._place(right, 0)[0] - x, self._place(0, self._y[0])[1] - y
        shape = {"x": _text(x), "y": _text(y), "width": _text(width), "height": _text(height)}
        self._add("rect", shape | {"class": f"bar{side}"})

    def line(self, side: int, curve: Curve) -> None:
        """Draw a line of a model."""
        points = " ".join(",".join(map(_text, self._place(*point))) for point in curve)
        self._add("polyline", {"points": points, "class": f"line{side}"})

    def axes(self, x_name: str, y_name: str) -> None:
        """Draw both axes with the numbers at their ends, and their names."""
        (left, bottom), (right, top) = (
            self._place(self._x[place], self._y[place]) for place in (0, 1)
        )
        way = [(left, top), (left, bottom), (right, bottom)]
        points = " ".join(f"{_text(x)},{_text(y)}" for x, y in way)
        self._add("polyline", {"points": points, "class": "axis"})
        below, beside = bottom + 14, left - 4
        for value, x, y, anchor in (
            (number(self._x[0]), left, below, "start"),
            (number(self._x[1]), right, below, "end"),
            (x_name, (left + right) / 2, below + 14, "middle"),
            (number(self._y[0]), beside, bottom, "end"),
            (number(self._y[1]), beside, top + 10, "end"),
        ):
            shape = {"x": _text(x), "y": _text(y), "text-anchor": anchor}
            self._add("text", shape).text = value
        # upright, since its name may be longer than the room beside the axis
        middle = (bottom + top) / 2
        turned = {"transform": f"translate(12 {_text(middle)}) rotate(-90)"}
        self._add("text", turned | {"text-anchor": "middle"}).text = y_name

    def svg(self) -> Markup:
        """Return the element, its texts escaped."""
        return Markup(ElementTree.tostring(self._root, encoding="unicode"))

    def _add(self, tag: str, attributes: dict[str, str]) -> ElementTree.Element:
        return ElementTree.SubElement(self._root, tag, attributes)

    def _place(self, x: float, y: float) -> tuple[float, float]:
        across = (x - self._x[0]) / (self._x[1] - self._x[0])
        up = (y - self._y[0]) / (self._y[1] - self._y[0])
        return (
            _LEFT + across * (_WIDTH - _LEFT - _RIGHT),
            _HEIGHT - _BOTTOM - up * (_HEIGHT - _TOP - _BOTTOM),
        )


def _wide(low: float, high: float) -> tuple[float, float]:
    return (low, high) if high > low else (low, low + 1)


def _text(value: float) -> str:
    return f"{value:.1f}"


def _quartiles(values: NDArray[np.float64]) -> str:
    if not len(values):
        return "none"
    low, middle, high = np.quantile(values, (0.25, 0.5, 0.75))
    return f"median {number(middle)}, half of them from {number(low)} to {number(high)}"


def _thinned(curve: Curve) -> list[tuple[int, float]]:
    """Return the finite points of a curve; of a long one the last step and mean of each part."""
    known = [(step, value) for step, value in curve if math.isfinite(value)]
    if len(known) <= MOST_POINTS:
        return known
    parts = np.array_split(np.array(known, np.float64), MOST_POINTS)
    return [(int(part[-1, 0]), float(part[:, 1].mean())) for part in parts]
