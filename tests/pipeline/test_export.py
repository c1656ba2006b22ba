import json
import sys

import pytest
import torch
import typer
from typer.testing import CliRunner

from tests.support.models.tiny_pipeline import CHANNELS, components, tiny_pipeline
from unigs.cli.export import export
from unigs.errors import ConfigError, DataError
from unigs.pipeline.export import export_onnx, export_unet


def example():
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(2, 3 * CHANNELS + 1, 8, 8, generator=generator)
    text = torch.randn(2, 32, 32, generator=generator)
    return inputs, torch.tensor([999, 3]), text, torch.tensor([2, 0])


def predict(unet, given):
    with torch.no_grad():
        return unet(*given[:3], class_labels=given[3]).sample


@pytest.mark.slow
def test_the_program_gives_what_the_unet_gives(tmp_path):
    unet = components()["unet"]
    assert export_unet(unet, tmp_path / "unet.pt2", 8, 8, tokens=32, batch=2) < 1e-5
    program = torch.export.load(tmp_path / "unet.pt2").module()
    given = example()
    assert torch.allclose(program(*given), predict(unet, given), atol=1e-5)


@pytest.mark.slow
def test_onnx_gives_what_the_unet_gives(tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    unet = components()["unet"]
    assert export_onnx(unet, tmp_path / "unet.onnx", 8, 8, tokens=32, batch=2) < 1e-4
    session = onnxruntime.InferenceSession(tmp_path / "unet.onnx")
    given = example()
    names = [node.name for node in session.get_inputs()]
    assert names == ["inputs", "timesteps", "text", "task"]
    arrays = {name: value.numpy() for name, value in zip(names, given, strict=True)}
    found = torch.from_numpy(session.run(None, arrays)[0])
    assert torch.allclose(found, predict(unet, given), atol=1e-4)


@pytest.mark.slow
def test_the_command_writes_and_compares(tmp_path):
    tiny_pipeline(size=32).save_pretrained(tmp_path / "model")
    app = typer.Typer()
    app.command()(export)
    order = ["--model", tmp_path / "model", "--out", tmp_path / "deep" / "unet.pt2", "--json"]
    result = CliRunner().invoke(app, list(map(str, order)))
    assert result.exception is None, result.exception
    told = json.loads(result.stdout.splitlines()[-1])
    assert told["largest_difference"] < 1e-5
    assert (tmp_path / "deep" / "unet.pt2").is_file()
    failed = CliRunner().invoke(app, [*map(str, order), "--size", "33"])
    assert isinstance(failed.exception, ConfigError)


def test_a_missing_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ConfigError, match=r"onnxruntime is not installed .*unigs\[onnx\]"):
        export_onnx(components()["unet"], tmp_path / "unet.onnx", 8, 8, tokens=32)


def test_a_place_that_cannot_be_written_is_told(tmp_path):
    tiny_pipeline(size=32).save_pretrained(tmp_path / "model")
    (tmp_path / "file").write_text("")
    app = typer.Typer()
    app.command()(export)
    order = ["--model", str(tmp_path / "model"), "--out", str(tmp_path / "file" / "unet.pt2")]
    failed = CliRunner().invoke(app, order)
    assert isinstance(failed.exception, DataError)
    assert "cannot be written" in str(failed.exception)
