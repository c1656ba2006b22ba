"""Generated scenes and photographs in one training, encoded while it runs."""

import json
from pathlib import Path

import pytest

from tests.e2e.command import TASKS, result_of, unigs, write_preset

pytestmark = pytest.mark.e2e


def test_a_mix_goes_through_to_metrics_without_latents_on_disk(
    test_data: Path, tmp_path: Path
) -> None:
    photos = {"root": "coco", "tasks": ["inpainting", "synthesis", "referring"]}
    mix = {"shapes": {}, "coco_panoptic": photos}
    preset = write_preset(tmp_path / "smoke.yaml", {"steps": 2}, mix=mix, latents=False)
    order = ("run", "--dataset", "mix", "--root", test_data, "--preset", preset, "--json")
    result = result_of(unigs(*order, "--store", tmp_path / "store"))
    assert tuple(result["metrics"]) == TASKS
    base = tmp_path / "store" / "mix-smoke"
    listed = json.loads((base / "manifest" / "manifest.json").read_text())
    assert {key.split("|")[0] for key in listed} == {
        "shapes-train", "shapes-val", "coco_panoptic-train"
    }  # fmt: skip
    assert not list((base / "latents").rglob("*.tar"))
    card = (base / "models" / "joint" / "pipeline" / "README.md").read_text()
    assert "coco_panoptic-train.inpainting" in card
    assert "coco_panoptic-train.entity" not in card
