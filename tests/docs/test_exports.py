"""The tutorial's table of annotation tools: each export is read by the data set that it names."""

import re

import pytest

from tests.datasets.exports.tools import TOOLS
from tests.docs.blocks import ROOT
from unigs.datasets import open_dataset
from unigs.scene import Scene

TUTORIAL = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| ([\w ]+) \| .* \| `(\w+)` \|$", TUTORIAL, re.MULTILINE)


def test_each_tool_has_a_row():
    assert len(ROWS) == 5


@pytest.mark.parametrize(("tool", "dataset"), ROWS)
def test_all_of_it_is_read(tool, dataset, tmp_path):
    named, write = TOOLS[tool.lower().replace(" ", "_")]
    assert named == dataset
    write(tmp_path)
    for split in ("train", "val"):
        found = list(open_dataset(dataset, tmp_path, split).scan())
        assert found
        assert all(isinstance(one, Scene) for one in found), found
