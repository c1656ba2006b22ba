"""The tutorial's commands make a readable data set of the export of each annotation tool."""

import re
import subprocess

import pytest

from tests.docs.blocks import ROOT, blocks_of
from tests.docs.exports import TOOLS
from unigs.datasets.own import open_folder
from unigs.scene import Scene

TUTORIAL = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("tool", TOOLS)
def test_all_of_it_is_read(tool, tmp_path):
    TOOLS[tool](tmp_path / tool.lower().replace(" ", "_"))
    section = re.split(r"^#+ ", TUTORIAL.split(f"### {tool}\n")[1], flags=re.MULTILINE)[0]
    (block,) = blocks_of("tutorial", section)
    subprocess.run(["bash", "-euo", "pipefail", "-c", block.code], cwd=tmp_path, check=True)
    (root,) = tmp_path.glob("photos*")
    splits = [file.stem[10:-4] for file in (root / "annotations").iterdir()]
    assert "train" in splits
    for split in splits:
        found = list(open_folder(root, split).scan())
        assert found
        assert all(isinstance(one, Scene) for one in found), found
        assert {entity.class_name for scene in found for entity in scene.entities} == {"cup"}
