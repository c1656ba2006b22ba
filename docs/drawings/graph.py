"""The assets of Dagster's job `everything` and what each is made from."""

from __future__ import annotations

from itertools import pairwise

import networkx as nx

from docs.drawings.svg import INK, PALE, arrow, box, drawing, text
from unigs.tasks import TASKS

WIDE, HIGH, ACROSS, DOWN = 178, 26, 200, 62
# An asset, or the place in a row where an arrow passes: its ends and the row.
Slot = str | tuple[str, str, int]
COLORS = {
    "components": "#fff3cd", "data": "#d7e3e1", "evaluators": "#e4dcf1", "model_joint": "#cfe8fc",
    "reference": "#f8d9d3",
}  # fmt: skip


def assets() -> nx.DiGraph:
    """Return the job's assets; the four of one kind, a task each, are one."""
    from assets_defs.run.keys import asset_name
    from pipelines.build import build_defs

    defs = build_defs()
    every = defs.resolve_asset_graph()
    keys = defs.resolve_job_def("everything").asset_layer.executable_asset_keys
    found = nx.DiGraph()
    for key in sorted(keys):
        node = every.get(key)
        found.add_node(_name(asset_name(key)), group=node.group_name)
        for parent in sorted(node.parent_keys & keys):
            found.add_edge(_name(asset_name(parent)), _name(asset_name(key)))
    reduced = nx.transitive_reduction(found)
    reduced.add_nodes_from(found.nodes(data=True))
    return reduced


def graph_drawing() -> str:
    """Return the assets as SVG, each below all that it is made from."""
    graph = assets()
    rows, ways = _rows(graph)
    widths = [[_width(name) for name in row] for row in rows]
    whole = max(map(sum, widths))
    place: dict[Slot, tuple[float, float]] = {}
    for number, (row, wide) in enumerate(zip(rows, widths, strict=True)):
        x = (whole - sum(wide)) / 2
        for slot, width in zip(row, wide, strict=True):
            place[slot] = (x + width / 2, 20.0 + number * DOWN)
            x += width
    shapes = [arrow([(*place[slot], HIGH) for slot in way[:-1]] + [(*place[way[-1]], 0)])
              for way in ways]  # fmt: skip
    for name in sorted(graph):
        x, y = place[name]
        fill = COLORS.get(graph.nodes[name]["group"], PALE)
        shapes.append(box(x - WIDE / 2, y, WIDE, HIGH, fill, INK))
        shapes.append(text(x, y + 17, name, anchor="middle"))
    for index, (group, color) in enumerate(sorted(COLORS.items())):
        shapes.append(box(8, 12 + index * 20, 14, 14, color, INK))
        shapes.append(text(28, 23 + index * 20, group))
    return drawing(whole, 20 + len(rows) * DOWN, "Assets of the job everything", shapes)


def _rows(graph: nx.DiGraph) -> tuple[list[list[Slot]], list[list[Slot]]]:
    """Return the slots of each row, from left to right, and each arrow as the slots it runs
    through: an asset, or in rows between its ends a place of its own."""
    rows: list[list[Slot]] = [sorted(row) for row in nx.topological_generations(graph)]
    depth = {name: number for number, row in enumerate(rows) for name in row}
    ways, above = [], {}
    for start, end in sorted(graph.edges):
        between = [(start, end, row) for row in range(depth[start] + 1, depth[end])]
        for slot in between:
            rows[slot[2]].append(slot)
        way = [start, *between, end]
        ways.append(way)
        for upper, lower in pairwise(way):
            above.setdefault(lower, []).append(upper)
    for upper, lower in pairwise(rows):
        # below the middle of what leads to it, so that few arrows cross
        at = {slot: (index + 0.5) / len(upper) for index, slot in enumerate(upper)}
        lower.sort(key=lambda slot: (sum(at[one] for one in above[slot]) / len(above[slot]),
                                     str(slot)))  # fmt: skip
    return rows, ways


def _width(slot: Slot) -> float:
    return ACROSS if isinstance(slot, str) else 40


def _name(asset: str) -> str:
    front, _, last = asset.rpartition("_")
    return f"{front}_<task>" if last in TASKS and front else asset
