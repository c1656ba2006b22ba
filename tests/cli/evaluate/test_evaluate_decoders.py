"""`unigs evaluate --decoder`: a model's colormaps read in another way than its own."""

import json

import pytest
import typer
from typer.testing import CliRunner

from tests.support.data.tiny_shards import write_shards
from tests.support.models.tiny_pipeline import tiny_pipeline
from unigs.cli.evaluate import evaluate
from unigs.colormap import Palette
from unigs.errors import ConfigError
from unigs.evaluation.paper.decoding import Reading, read_predictions
from unigs.io.image_file import read_image
from unigs.shards.read import read_samples


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("decoders")
    write_shards(folder, ["referring"], count=4)
    tiny_pipeline(tasks=["referring"], size=64).save_pretrained(folder / "model")
    return folder


def run(place, *options):
    app = typer.Typer()
    app.command()(evaluate)
    given = ("--task", "referring", "--shards", place / "referring", "--json", *options)
    result = CliRunner().invoke(app, list(map(str, given)))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return json.loads(result.stdout.splitlines()[-1])


def test_the_metrics_are_those_of_the_predicted_colormaps_so_read(place, tmp_path):
    model = ("--model", place / "model")
    rows = {
        "pdm": Reading("pdm", {"delta": 3.0, "features": "lab"}),
        "kmeans": Reading("kmeans", {"clusters": 2}),
    }
    asked = {
        "pdm": ("--delta", 3, "--features", "lab"),
        "kmeans": ("--clusters", 2),
    }
    found = {
        name: run(place, *model, "--decoder", name, *options, "--out", tmp_path / name)
        for name, options in asked.items()
    }
    pairs = [
        (sample, read_image(tmp_path / "pdm" / "colormaps" / f"{sample.key}.png"))
        for sample in read_samples(place / "referring")
    ]
    palette = Palette.from_name(pairs[0][0].palette)
    for name, (miou, recall) in read_predictions(pairs, rows, palette)[0]:
        assert found[name]["miou"] == pytest.approx(miou.value)
        assert found[name]["recall_50"] == pytest.approx(recall.value)
    ceilings = {name: metrics["codec_ceiling.miou"] for name, metrics in found.items()}
    assert ceilings["pdm"] != ceilings["kmeans"], "the upper bound is read alike"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--decoder", "pdn"), "--decoder pdn: unknown"),
        (("--delta", "3"), "--delta without --decoder"),
        (("--decoder", "pdm", "--clusters", "3"), "--decoder pdm refuses"),
        (("--decoder", "pdm", "--features", "hsv"), "--decoder pdm refuses"),
        (("--pipeline", "panoptic", "--predictions", "a.json", "--decoder", "pdm"), "no colormaps"),
    ],
)
def test_wrong_options_are_one_line(place, options, said):
    given = options if "--pipeline" in options else ("--model", place / "model", *options)
    with pytest.raises(ConfigError, match=said):
        run(place, *given)
