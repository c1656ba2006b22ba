"""The drawings of docs/architecture.md show the code as it is."""

import xml.etree.ElementTree as ET

import pytest

from tests.docs.blocks import ROOT

pytest.importorskip("grimp")
pytest.importorskip("networkx")

PICTURES = ROOT / "docs" / "pictures"


def test_the_rooms_are_those_of_the_code():
    from docs.drawings.rooms import imports, rooms, rooms_drawing

    drawn = rooms_drawing()
    assert drawn == (PICTURES / "rooms.svg").read_text(), "run `make drawings`"
    assert ET.fromstring(drawn).tag.endswith("svg")
    order = rooms()
    assert ("samples", "colormap") in imports()
    assert all(order.index(above) > order.index(below) for above, below in imports())


def test_the_graph_is_dagsters():
    pytest.importorskip("dagster")
    from docs.drawings.graph import assets, graph_drawing

    graph = assets()
    assert {"raw", "shards", "joint_weights", "joint_evaluation_<task>"} <= set(graph)
    assert ("joint_report", "joint_gate") in graph.edges
    assert graph_drawing() == (PICTURES / "graph.svg").read_text(), "run `make drawings`"
