"""The way of photo-large on an accelerator, gone in miniature on the processor."""

import json
import sys

import pytest
import torch

from benchmarks import photo_large
from benchmarks.photographs.parts.packed import pack, unpack
from unigs.config.preset import load_preset
from unigs.models.unet import build_unet
from unigs.tasks import TASKS


def test_the_whole_way_in_miniature(tmp_path, monkeypatch):
    out = tmp_path / "out"
    command = ["photo_large", "--dry", "--work", str(tmp_path / "work"), "--out", str(out)]
    monkeypatch.setattr(sys, "argv", command)
    photo_large.main()
    results = json.loads((out / "results.json").read_text())
    assert set(results["metrics"]) == set(TASKS)
    assert results["metrics"]["entity"].keys() >= {"miou", "codec_ceiling.miou"}
    assert results["packed"]["entity"]["miou"] == pytest.approx(
        results["metrics"]["entity"]["miou"], abs=0.05
    )
    assert results["training"]["steps"] == 8
    assert results["fitting_steps"] > 8
    assert not (tmp_path / "work" / "probe").exists()
    sets = {path.name for path in (tmp_path / "work" / "latents").iterdir()}
    assert sets == set(load_preset("photo").data.mix)
    files = sorted(path.name for path in out.iterdir())
    assert files == ["grid.png", "results.json", "weights-0.safetensors"]


def test_packed_weights_are_those_of_eight_bits_in_small_files(tmp_path):
    generator = torch.Generator().manual_seed(0)
    weights = {
        "a.weight": torch.randn(300, 700, generator=generator),
        "a.bias": torch.randn(300, generator=generator),
        "b.weight": torch.randn(8, 4, 3, 3, generator=generator) * 1e-3,
        "zero.weight": torch.zeros(4, 4),
    }
    files = pack(weights, tmp_path, file_bytes=100_000)
    assert len(files) > 2
    assert all(file.stat().st_size <= 100_000 for file in files)
    found = unpack(files)
    assert found.keys() == weights.keys()
    for name, value in weights.items():
        assert found[name].shape == value.shape
        step = value.abs().amax() / 127
        assert (found[name] - value).abs().amax() <= 0.6 * step + 1e-3 * (value.ndim < 2)
    with pytest.raises(ValueError, match="a file 65636"):
        pack(weights, tmp_path, file_bytes=(64 << 10) + 100)


def test_the_network_is_large_and_its_weights_fit_what_can_be_brought_back():
    preset = load_preset("photo-large")
    with torch.device("meta"):
        unet = build_unet(preset.unet.architecture)
    count = sum(parameter.numel() for parameter in unet.parameters())
    assert 60e6 < count < 150e6
    assert count < photo_large.TOTAL_BYTES - (2 << 20)
    assert (preset.training.precision, preset.training.compile) == ("bf16", True)
