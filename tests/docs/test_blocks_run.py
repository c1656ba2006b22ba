"""The blocks of the documents that carry no mark, run page by page in an empty folder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.datasets.exports.tools import TOOLS
from tests.docs.blocks import ROOT, all_blocks

PAGES: dict[str, list] = {}
for block in all_blocks():
    if block.runs:
        PAGES.setdefault(block.page, []).append(block)


def exported(folder: Path) -> None:
    """What the tutorial's reader brings along."""
    for tool in ("cvat", "labelme"):
        TOOLS[tool][1](folder / tool)


PREPARE = {"docs/tutorial.md": exported}


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_it_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    PREPARE.get(page, lambda folder: None)(tmp_path)
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "TQDM_DISABLE": "1",
    }
    for one in PAGES[page]:
        if one.language == "python":
            # as a script of its own, but in a process that has torch already
            code = compile(one.given + one.code, f"{page}:{one.line}", "exec")
            exec(code, {"__name__": "__main__"})
        else:
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", one.code],
                env=environment, capture_output=True, text=True,
            )  # fmt: skip
            assert done.returncode == 0, f"{page}:{one.line}\n{done.stdout}\n{done.stderr}"
