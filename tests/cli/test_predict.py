import json
from pathlib import Path

import numpy as np
import pytest
import torch
import typer
from PIL import Image
from typer.testing import CliRunner

from tests.support.models.tiny_pipeline import SIZE, pictures, tiny_pipeline
from unigs.cli.predict import predict
from unigs.errors import ConfigError
from unigs.io.device import this_device
from unigs.pipeline import UniGSPipeline

app = typer.Typer()
app.command()(predict)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    tiny_pipeline(size=SIZE).save_pretrained(folder)
    return folder


@pytest.fixture
def files(tmp_path):
    Image.fromarray(pictures(1)[0]).save(tmp_path / "photo.png")
    mask = np.zeros((SIZE, SIZE), np.uint8)
    mask[4:28, 4:28] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_one_json_line_with_the_files_it_names(model, files):
    arguments = ("--model", model, "--task", "referring", "--image", files / "photo.png",
                 "--coarse-mask", files / "mask.png", "--names", "dog", "--seed", 4)  # fmt: skip
    first = run(*arguments, "--out", files / "one", "--json")
    assert first.exit_code == 0, first.output
    prediction = json.loads(first.stdout.strip().splitlines()[-1])
    assert {"image", "colormap", "panoptic", "entities"} <= set(prediction)
    assert Image.open(prediction["colormap"]).size == (SIZE, SIZE)
    assert json.loads(Path(prediction["panoptic"]).read_text())["annotations"]
    again = run(*arguments, "--out", files / "two", "--json")
    same = json.loads(again.stdout.strip().splitlines()[-1])
    assert same["entities"] == prediction["entities"]
    merged = run(*arguments, "--out", files / "three", "--merge", "seeds", "--runs", 2, "--json")
    assert merged.exit_code == 0, merged.output


def test_wrong_use_is_told(model, files):
    missing = run("--model", model, "--task", "referring", "--image", files / "photo.png",
                  "--names", "dog", "--out", files / "out")  # fmt: skip
    assert isinstance(missing.exception, ConfigError)
    assert "coarse_mask" in str(missing.exception)
    assert run("--model", model, "--task", "entity").exit_code == 2


def test_a_device_that_is_not_there_is_told_before_the_model_is_loaded(files, monkeypatch, model):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(UniGSPipeline, "from_pretrained", None)
    found = run("--model", model, "--task", "entity", "--image", files / "photo.png",
                "--device", "cuda", "--out", files / "out")  # fmt: skip
    assert isinstance(found.exception, ConfigError)
    assert str(found.exception).startswith("device 'cuda': no CUDA here")


@pytest.mark.parametrize("device", ["cpu", None])
def test_the_model_goes_to_the_device(files, monkeypatch, model, device):
    moved = []
    load = UniGSPipeline.from_pretrained

    def loaded(folder, **options):
        pipeline = load(folder, **options)
        monkeypatch.setattr(pipeline, "to", lambda where: moved.append(where) or pipeline)
        return pipeline

    monkeypatch.setattr(UniGSPipeline, "from_pretrained", loaded)
    asked = [] if device is None else ["--device", device]
    found = run("--model", model, "--task", "entity", "--image", files / "photo.png",
                "--out", files / "out", *asked)  # fmt: skip
    assert found.exit_code == 0
    assert moved == [this_device(device)]


@pytest.mark.parametrize("quiet", [True, False])
def test_the_bar_of_steps_is_progress_too(model, files, monkeypatch, quiet):
    if quiet:
        monkeypatch.setenv("TQDM_DISABLE", "1")  # as --quiet does
    asked = ("--model", model, "--task", "entity", "--image", files / "photo.png")
    result = run(*asked, "--out", files / "out")
    assert result.exit_code == 0, result.output
    assert ("1/1 [" in result.stderr) is not quiet
