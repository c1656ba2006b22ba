"""Scores of the default decoder: calibrated by a script, and worth more than none elsewhere."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unigs.colormap import Palette
from unigs.colormap.distortion import add_blur, add_noise
from unigs.colormap.region_decoder.confidence import confidence
from unigs.datasets import open_dataset
from unigs.datasets.shapes.generate import write_shapes
from unigs.evaluation.codec.trial import run_trial, trial_segments
from unigs.models.patch_autoencoder import PatchAutoencoder


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_module("benchmarks.codec.calibrate_scores")


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("shapes")
    write_shapes(root, train=4, val=12, size=128)
    return root


def test_the_fit_finds_the_weights_and_every_way_weighs_the_same(script: dict[str, Any]) -> None:
    rng = np.random.default_rng(0)
    weights = np.array([1.0, -0.5, 0.3, -0.2])
    cases = []
    for way, shift, images in (("rare", 1.0, 300), ("common", -1.0, 900)):
        for number in range(images):
            clues = rng.normal(size=(4, 4))
            right = rng.random(4) < 1 / (1 + np.exp(-shift - clues @ weights))
            truth = np.repeat(np.arange(1, 5), 4).reshape(4, 4)
            found = truth.copy()
            found[~right, 1:] = 0
            cases.append((way, str(number), truth, found, np.zeros(4), clues))
    intercept, fitted = script["fit"](cases)
    assert abs(intercept) < 0.15
    # Two shifts in one model flatten its slopes a little.
    np.testing.assert_allclose(fitted, weights, atol=0.25)


def test_hits_need_half_of_the_union(script: dict[str, Any]) -> None:
    truth = np.repeat([1, 2, 3, 0], 4)[None]
    found = np.array([[1, 1, 1, 0, 2, 2, 0, 0, 0, 0, 0, 0, 0, 3, 3, 3]])
    assert script["hits"](truth, found, 4).tolist() == [True, False, False, False]


def test_the_script_prints_constants(
    script: dict[str, Any],
    shapes: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    PatchAutoencoder(patch_size=8, latent_channels=12).save_pretrained(tmp_path / "vae")
    monkeypatch.setattr(sys, "argv", ["calibrate_scores.py", "--dataset", "shapes", "--root",
        str(shapes), "--autoencoder", str(tmp_path / "vae"), "--size", "128"])  # fmt: skip
    script["main"]()
    lines = capsys.readouterr().out.splitlines()
    assert "4 images" in lines[-3]
    assert lines[-2].startswith("INTERCEPT = ")
    assert len(lines[-1].removeprefix("WEIGHTS = (").removesuffix(")").split(", ")) == 4


def test_confidence_follows_its_evidence() -> None:
    clear = np.array([[np.log(400), 4.0, 0.1, 100.0]])
    for column, worse in enumerate((np.log(20), 40.0, 8.0, 10.0)):
        doubtful = clear.copy()
        doubtful[0, column] = worse
        assert confidence(doubtful)[0] < confidence(clear)[0] - 0.01
        assert 0 < confidence(doubtful)[0] < 1


def test_scores_rank_on_scenes_they_were_not_fitted_to(shapes: Path) -> None:
    rng = np.random.default_rng(0)
    scenes = open_dataset("shapes", shapes, "val")
    samples = [(scene.key, trial_segments(scene, 128, None, rng)) for scene in scenes]
    ways = (add_blur(1.5), add_noise(20))
    report = run_trial(samples, Palette(11), distortions=ways, average_precision=True)
    assert report["predicted"] > 1.1 * report["entities"], "nothing wrong to rank"
    assert report["ap_e"] > report["ap_e_constant"] + 0.1
