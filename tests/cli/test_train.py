"""`unigs train`: shards in, a pipeline out that predicts."""

import json

import numpy as np
import typer
from typer.testing import CliRunner

from tests.e2e.command import write_preset
from tests.support.data.tiny_shards import write_shards
from unigs.cli.train import train
from unigs.errors import ConfigError, DataError
from unigs.pipeline import UniGSPipeline
from unigs.shards.manifest import read_manifest


def test_shards_become_a_pipeline(tmp_path):
    write_shards(tmp_path, ["entity"], count=4)
    preset = write_preset(tmp_path / "few.yaml")
    app = typer.Typer()
    app.command()(train)
    order = ["--task", "entity", "--preset", preset, "--steps", 1, "--json"]
    order += ["--out", tmp_path / "run", "--device", "cpu"]
    result = CliRunner().invoke(app, list(map(str, [*order, "--shards", tmp_path])))
    assert result.exception is None, result.exception
    told = json.loads(result.stdout.splitlines()[-1])
    assert told["steps"] == 1
    pipeline = UniGSPipeline.from_pretrained(told["model"])
    card = (tmp_path / "run" / "model" / "README.md").read_text()
    assert read_manifest(tmp_path / "entity").digest in card
    assert pipeline.config["tasks"] == ["entity"]
    found = pipeline("entity", image=np.zeros((64, 64, 3), np.uint8))
    assert found.segments[0].shape == (64, 64)
    failed = CliRunner().invoke(app, list(map(str, [*order, "--shards", tmp_path / "none"])))
    assert isinstance(failed.exception, DataError)
    failed = CliRunner().invoke(app, [*map(str, order), "--shards", str(tmp_path), "--device=x"])
    assert isinstance(failed.exception, ConfigError)
