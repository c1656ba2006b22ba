"""`unigs plan`: lines for people, JSON for programs, exit code 1 for what cannot fit."""

import json

import pytest
import typer
from typer.testing import CliRunner

from unigs.cli.plan import plan
from unigs.config.preset import load_preset

pytest.importorskip("torch")

FEW = ("data.size=32", "training.batch_size=16", "data.train_scenes=6", "data.val_scenes=2")


def invoke(*arguments):
    app = typer.Typer()
    app.command()(plan)
    settings = [f"--set={setting}" for setting in FEW]
    return CliRunner().invoke(app, [*settings, *map(str, arguments)])


def test_it_prints_the_plan(tmp_path):
    result = invoke("--store", tmp_path, "--rate", "50", "--memory", "80", "--devices", "1")
    assert result.exit_code == 0, result.exception
    told = result.stdout
    assert "shapes train entity: 6 samples of 6 scenes, 1 shards of " in told
    steps = load_preset("tiny").training.steps
    hours = steps * 16 / 50 / 3600
    assert f"training: {steps:,} steps of 16 samples, {hours:.1f} hours on 1 at 50.0 im" in told
    assert "does not fit" not in told


def test_what_cannot_fit_is_an_exit_code_and_a_line(tmp_path):
    result = invoke("--store", tmp_path, "--memory", "0.5", "--devices", "1", "--json")
    assert result.exit_code == 1
    (problem,) = json.loads(result.stdout)["problems"]
    assert problem.startswith("device memory: 0.5 GiB, a training process needs 1.")
