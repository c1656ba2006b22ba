"""Wrong use is told before anything heavy is imported, with the nearest right name."""

import json
import subprocess
import sys

import pytest

NAMES = ["--task", "entity", "--model", "nowhere"]
WRONG = [
    (["predit"], "Did you mean 'predict'?"),
    (["shards", "biuld"], "Did you mean 'build'?"),
    (["predict", "--tsk", "entity"], "--task"),
    (["predict", "--task", "entiti", "--model", "m", "--image", "i", "--out", "o"], "mean entity?"),
    (["predict", *NAMES, "--image", "missing", "--out", "o"], "missing: no such file"),
    (["predict", *NAMES, "--image", "photo.png", "--out", "o"], "nowhere: no such directory"),
    (["train", "--task", "entty", "--shards", "s", "--out", "o"], "mean entity?"),
    (["train", "--task", "entity", "--preset", "tny", "--shards", "s", "--out", "o"], "mean tiny?"),
    (["train", "--task", "entity", "--shards", "nowhere", "--out", "o"], "nowhere: no such folder"),
    (["evaluate", *NAMES, "--shards", "missing"], "missing/manifest.json"),
    (["evaluate", *NAMES, "--shards", "s", "--pipeline", "samm"], "mean sam?"),
    (["evaluate", *NAMES, "--shards", "s", "--preset", "tny"], "mean tiny?"),
    (["export", "--model", "nowhere", "--out", "a.onnx"], "nowhere: no such directory"),
    (["fetch", "cocoo"], "mean coco?"),
    (["fetch", "ade20k"], "https://ade20k.csail.mit.edu"),
    (["fetch", "taesd", "--split", "val"], "no splits"),
    (["demo", "--model", "nowhere"], "nowhere: no such directory"),
    (["plan", "--preset", "tny"], "mean tiny?"),
    (["plan", "--dataset", "coco"], "mean coco_panoptic?"),
    (["run", "--preset", "tny"], "mean tiny?"),
    (["run", "--job", "everythin"], "mean everything?"),
    (["run", "--dataset", "coco_panoptik"], "mean coco_panoptic?"),
    (["run", "--dataset", "coco_panoptic"], "--root"),
    (["promote", "3", "--store", "gone"], "--store DIR"),
    (["rollback", "--store", "gone"], "--store DIR"),
    (["store", "gc", "--store", "gone"], "--store DIR"),
    (["lineage", "joint", "--store", "gone"], "--store DIR"),
    (["forget", "a.jpg", "--store", "gone"], "--store DIR"),
    (["init", "."], "not empty"),
    (["score", "images", "--a", "x", "--b", "y"], "'x' does not exist"),
    (["compare", "x", "y", "--out", "o.html"], "'x' does not exist"),
    (["codec", "--dataset", "shaps", "--root", "r", "--split", "val"], "mean shapes?"),
]
HEAVY = ("torch", "diffusers", "transformers", "dagster", "mlflow", "gradio")
SCRIPT = """
import contextlib, io, json, sys
sys.modules.update(dict.fromkeys(sys.argv[1].split(",")))
from unigs import cli
told, wrong = [], json.loads(sys.argv[2])
for arguments in wrong:
    sys.argv = ["unigs", *arguments]
    errors = io.StringIO()
    with contextlib.redirect_stderr(errors):
        try:
            cli.main()
        except SystemExit as ended:
            told.append([ended.code, errors.getvalue()])
        except BaseException as error:
            told.append([0, repr(error)])
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What each wrong use says in a process that cannot import what is heavy."""
    from PIL import Image

    folder = tmp_path_factory.mktemp("here")
    Image.new("RGB", (16, 16)).save(folder / "photo.png")
    asked = json.dumps([arguments for arguments, _ in WRONG])
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, ",".join(HEAVY), asked],
        cwd=folder, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert {file.name for file in folder.iterdir()} == {"photo.png"}
    return json.loads(done.stdout)


@pytest.mark.parametrize(("index", "said"), enumerate(said for _, said in WRONG))
def test_it_is_one_line_with_the_right_name(told, index, said):
    code, errors = told[index]
    assert code in (1, 2), errors
    (line,) = errors.splitlines()
    assert line.startswith("unigs: ")
    assert said in line
