"""Which room imports from which, from the imports of the code itself."""

from __future__ import annotations

import importlib
import tomllib
from pathlib import Path

import grimp

from docs.drawings.svg import ACCENT, INK, PALE, box, drawing, text

ROOT = Path(__file__).parents[2]
CELL, NAMES, TOP = 18, 100, 90


def rooms() -> list[str]:
    """Return the rooms of the library in the order in which data walks, as import-linter has it."""
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    contract = next(one for one in linter["contracts"] if one["id"] == "rooms")
    return list(reversed(contract["layers"]))


def imports() -> set[tuple[str, str]]:
    """Return the pairs (importing room, imported room)."""
    graph = grimp.build_graph("unigs", cache_dir=None)
    known = set(rooms())
    pairs = set()
    for module in graph.modules:
        for imported in graph.find_modules_directly_imported_by(module):
            pair = tuple([*name.split("."), ""][1] for name in (module, imported))
            if pair[0] != pair[1] and known.issuperset(pair):
                pairs.add((pair[0], pair[1]))
    return pairs


def rooms_drawing() -> str:
    """Return the matrix of imports as SVG: a mark below the diagonal is an import from a room that
    comes earlier, and one above it would be a broken door."""
    names, marked = rooms(), imports()
    side = CELL * len(names)
    shapes = []
    for row, importing in enumerate(names):
        y = TOP + row * CELL
        shapes.append(text(NAMES - 8, y + 13, importing, anchor="end"))
        shapes.append(text(NAMES + row * CELL + 13, TOP - 6, importing, turn=-60))
        for column, imported in enumerate(names):
            x = NAMES + column * CELL
            fill = "#ffffff"
            if row == column:
                fill = INK
            elif (importing, imported) in marked:
                fill = ACCENT
            elif column < row:
                fill = PALE
            shapes.append(box(x + 1, y + 1, CELL - 2, CELL - 2, fill))
        doc = importlib.import_module(f"unigs.{importing}").__doc__ or ""
        said = " ".join(doc.split("\n\n")[0].replace("`", "").split())
        shapes.append(text(NAMES + side + 12, y + 13, said, size=11))
    title = "Rooms of unigs: each row imports from the rooms that are marked"
    return drawing(NAMES + side + 570, TOP + side + 10, title, shapes)
