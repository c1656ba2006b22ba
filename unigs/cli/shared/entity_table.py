"""Predicted entities for people: a short table on stdout."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

# Of a picture; the largest come first.
SHOWN = 10


def print_entities(predictions: Sequence[Mapping[str, Any]], out: Path) -> None:
    """Print what `predict_files` predicted: the largest entities of each picture, without their run
    lengths, and where the files are."""
    table = Table("picture", "entity", "class", "score", "area", "x, y, width, height", box=None)
    for prediction in predictions:
        for row in _rows(prediction):
            table.add_row(*map(escape, row))
    Console().print(table)
    print(f"written to {out}: {', '.join(_endings(predictions))}")


def _rows(prediction: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    entities = prediction["entities"]
    name = str(prediction["name"])
    if not entities:
        yield name, "none"
    for entity in entities[:SHOWN]:
        box = ", ".join(map(str, entity["bbox"]))
        yield (
            name, str(entity["id"]), entity["class_name"] or "", f"{entity['score']:.2f}",
            f"{entity['area']:,}", box,
        )  # fmt: skip
        name = ""
    if len(entities) > SHOWN:
        yield "", f"and {len(entities) - SHOWN} more (--json lists them)"


def _endings(predictions: Sequence[Mapping[str, Any]]) -> list[str]:
    kinds = ("image", "colormap", "overlay", "panoptic")
    first = predictions[0] if len(predictions) == 1 else None
    if first is not None:
        return [Path(first[kind]).name for kind in kinds]
    return [f"{len(predictions)} predictions"]
