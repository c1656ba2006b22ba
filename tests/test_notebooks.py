"""The notebooks of the documents run as they are, and hold nothing that they printed somewhere."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))


def ids(files):
    return [file.stem for file in files]


def test_all_three_are_there():
    assert ids(NOTEBOOKS) == ["codec_tour", "foreign_model", "own_set"]


@pytest.mark.parametrize("file", NOTEBOOKS, ids=ids(NOTEBOOKS))
def test_it_holds_no_output_and_links_to_what_is_there(file):
    document = json.loads(file.read_text(encoding="utf-8"))
    assert document["nbformat"] == 4
    for cell in document["cells"]:
        assert cell["cell_type"] in ("code", "markdown")
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            assert cell["execution_count"] is None
            compile("".join(cell["source"]), file.name, "exec")
        else:
            for link in re.findall(r"\]\(([^)#]+)", "".join(cell["source"])):
                assert (file.parent / link).is_file(), link


@pytest.mark.slow
@pytest.mark.parametrize("file", NOTEBOOKS, ids=ids(NOTEBOOKS))
def test_it_runs(file, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.run_notebook", str(file)],
        cwd=tmp_path, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
