"""Shapes of a drawing as SVG, in the colours of the site."""

from __future__ import annotations

from html import escape
from itertools import pairwise

INK, PALE, ACCENT = "#20302f", "#d7e3e1", "#00796b"
FONT = "font-family='Helvetica, Arial, sans-serif'"


def text(
    x: float, y: float, said: str, size: int = 12, anchor: str = "start", turn: int = 0
) -> str:
    """Return a line of text; `turn` in degrees about its own place."""
    turned = f" transform='rotate({turn} {x:g} {y:g})'" if turn else ""
    place = f"x='{x:g}' y='{y:g}' font-size='{size}' text-anchor='{anchor}'"
    return f"<text {place}{turned} fill='{INK}'>{escape(said)}</text>"


def box(x: float, y: float, width: float, height: float, fill: str, edge: str = "none") -> str:
    """Return a rectangle."""
    place = f"x='{x:g}' y='{y:g}' width='{width:g}' height='{height:g}' rx='3'"
    return f"<rect {place} fill='{fill}' stroke='{edge}'/>"


def arrow(points: list[tuple[float, float, float]]) -> str:
    """Return a curve through points (x, y, height): straight down over the height of each, with a
    tip at the last."""
    path = [f"M {points[0][0]:g} {points[0][1] + points[0][2]:g}"]
    for (x0, top, height), (x1, y1, below) in pairwise(points):
        y0 = top + height
        middle = (y0 + y1) / 2
        path.append(f"C {x0:g} {middle:g}, {x1:g} {middle:g}, {x1:g} {y1:g}")
        if below:
            path.append(f"v {below:g}")
    return f"<path d='{' '.join(path)}' fill='none' stroke='{INK}' marker-end='url(#tip)'/>"


def drawing(width: float, height: float, title: str, shapes: list[str]) -> str:
    """Return the whole file."""
    tip = (
        "<marker id='tip' viewBox='0 0 8 8' refX='7' refY='4' markerWidth='7' markerHeight='7' "
        f"orient='auto'><path d='M0 0 L8 4 L0 8 z' fill='{INK}'/></marker>"
    )
    head = (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width:g} {height:g}' "
        f"width='{width:g}' {FONT} role='img' aria-label='{escape(title, quote=True)}'>"
    )
    ground = f"<rect width='{width:g}' height='{height:g}' fill='#ffffff'/>"
    return "\n".join([head, f"<defs>{tip}</defs>", ground, *shapes, "</svg>", ""])
