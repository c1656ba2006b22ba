import json
import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from unigs.cli.data import data
from unigs.datasets.shapes.generate import write_shapes
from unigs.errors import ConfigError, DataError
from unigs.index.scenes_index import ScenesIndex


@pytest.fixture
def app():
    made = typer.Typer()
    made.command()(data)
    return made


@pytest.fixture
def root(tmp_path):
    write_shapes(tmp_path / "set", train=3, val=1, size=32)
    return tmp_path / "set"


def run(app, *arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_last_line_is_the_result_and_names_what_was_refused(app, root, tmp_path):
    image = root / "train2017" / "000000000002.jpg"
    image.write_bytes(image.read_bytes()[:100])
    index = tmp_path / "index" / "train.parquet"
    done = run(
        app, "--dataset", "shapes", "--root", root, "--split", "train", "--index", index, "--json"
    )
    assert done.exit_code == 0
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["images"] == 2
    assert result["entities"] > result["classes"] > 2
    (refused,) = result["quarantined"]
    assert refused["file"] == "train2017/000000000002.jpg"
    assert refused["record"] == "image 2"
    assert "does not decode" in refused["reason"] or "not a readable" in refused["reason"]
    assert len(list(ScenesIndex(index))) == 2


def test_no_usable_image_is_an_error_that_still_tells_why(app, root):
    for image in (root / "train2017").iterdir():
        image.write_bytes(b"")
    done = run(app, "--dataset", "shapes", "--root", root, "--split", "train", "--json")
    assert isinstance(done.exception, DataError)
    assert "no usable image, 3 records quarantined" in str(done.exception)
    assert len(json.loads(done.stdout.splitlines()[-1])["quarantined"]) == 3


def test_notes_are_counted_and_refuse_nothing(app, root, tmp_path):
    file = root / "annotations" / "panoptic_train2017.json"
    document = json.loads(file.read_text())
    for image in document["images"][:2]:
        image["width"] = -1
    document["categories"].append({"id": 99, "name": "+"})
    file.write_text(json.dumps(document))
    index = tmp_path / "train.parquet"
    arguments = ("--dataset", "shapes", "--root", root, "--split", "train", "--index", index)
    result = json.loads(run(app, *arguments, "--json").stdout.splitlines()[-1])
    assert (result["images"], result["quarantined"]) == (3, [])
    notes = {item["note"]: item["count"] for item in result["notes"]}
    assert sorted(notes.values()) == [1, 2]
    assert notes["size taken from the image file, because the annotation gives none"] == 2
    assert notes == ScenesIndex(index).notes()
    assert "+" in run(app, *arguments).stdout


def test_wrong_names_are_told(app, root):
    done = run(app, "--dataset", "coc", "--root", root, "--split", "train")
    assert isinstance(done.exception, ConfigError)
    done = run(app, "--dataset", "shapes", "--root", root / "not", "--split", "train")
    assert isinstance(done.exception, DataError)
    assert run(app, "--dataset", "shapes").exit_code == 2


def test_readers_need_no_torch(root):
    code = (
        "import sys\n"
        "from unigs.datasets import open_dataset\n"
        "import unigs.index.scenes_index, unigs.samples.transforms, unigs.index.statistics\n"
        f"assert len(list(open_dataset('shapes', {str(root)!r}, 'train'))) == 3\n"
        "heavy = {'torch', 'dagster', 'mlflow', 'diffusers', 'transformers'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
