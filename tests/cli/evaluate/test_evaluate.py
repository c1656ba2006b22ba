"""`unigs evaluate`: settings of a preset where no option gives another."""

import json

import pytest
import typer
from typer.testing import CliRunner

from tests.e2e.command import write_preset
from tests.support.data.tiny_shards import write_shards
from tests.support.models.tiny_pipeline import tiny_pipeline
from unigs.cli.evaluate import evaluate


@pytest.mark.parametrize(
    ("options", "n"),
    [
        ((), 4),
        (("--preset", "PRESET"), 4),
        (("--preset", "PRESET", "--set", "evaluation.scenes=3"), 3),
        (("--preset", "PRESET", "--set", "evaluation.scenes=3", "--limit", "2"), 2),
    ],
)
def test_the_preset_counts_and_an_option_comes_first(tmp_path, options, n):
    write_shards(tmp_path, ["entity"], count=4)
    tiny_pipeline(tasks=["entity"], size=64).save_pretrained(tmp_path / "model")
    preset = write_preset(tmp_path / "few.yaml")
    app = typer.Typer()
    app.command()(evaluate)
    order = ["--model", tmp_path / "model", "--task", "entity", "--shards", tmp_path / "entity"]
    order += ["--json", "--no-baselines"]
    order += [preset if option == "PRESET" else option for option in options]
    result = CliRunner().invoke(app, list(map(str, order)))
    assert result.exception is None, result.exception
    assert json.loads(result.stdout.splitlines()[-1])["n"] == n
