"""The preset of the paper as it ships, through the whole graph: a checkpoint and evaluators of the
published classes and layouts in miniature, real photographs, few steps."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from resources.mlflow.registry import champion
from resources.mlflow.tracking import Tracking
from resources.store import Store
from tests.e2e.command import TASKS, result_of, unigs
from tests.support.models.checkpoints import halve, hub_cache, write_checkpoint
from tests.support.models.vision_models import (
    write_clip,
    write_dinov2,
    write_inception,
    write_mask2former,
)
from unigs.config.preset import load_preset
from unigs.datasets import open_dataset

pytestmark = pytest.mark.e2e

IMAGES = {"train": 16, "val": 6}
FEW = {
    "data.size": 64,
    "data.samples_per_shard": 16,
    "training.steps": 4,
    "training.batch_size": 4,
    "training.warmup_steps": 1,
    "inference.steps": "{inpainting: 2, synthesis: 2, referring: 2, entity: 2}",
    "evaluation.scenes": 4,
}


def excerpt(source: Path, root: Path) -> Path:
    """A COCO of the first images of each split."""
    for split, count in IMAGES.items():
        name = f"panoptic_{split}2017"
        content = json.loads((source / "annotations" / f"{name}.json").read_text())
        content["images"] = content["images"][:count]
        ids = {image["id"] for image in content["images"]}
        content["annotations"] = [a for a in content["annotations"] if a["image_id"] in ids]
        (root / "annotations" / name).mkdir(parents=True)
        (root / f"{split}2017").mkdir()
        (root / "annotations" / f"{name}.json").write_text(json.dumps(content))
        for annotation in content["annotations"]:
            file = f"annotations/{name}/{annotation['file_name']}"
            shutil.copy(source / file, root / file)
        for image in content["images"]:
            file = f"{split}2017/{image['file_name']}"
            shutil.copy(source / file, root / file)
    return root


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, test_data: Path) -> Path:
    """A folder with COCO, the models and the store."""
    pytest.importorskip("torch_fidelity")
    folder = tmp_path_factory.mktemp("rehearsal")
    coco = excerpt(test_data / "coco", folder / "coco")
    names = open_dataset("coco_panoptic", coco, "train").class_names
    # in half precision alone, as the published checkpoint has its UNet and autoencoder
    halve(write_checkpoint(folder / "my models" / "SD 1.5 = inpainting", "sd15", names))
    write_clip(folder / "my models" / "CLIP", names)
    write_mask2former(folder / "my models" / "Mask2Former", dict(enumerate(names)))
    write_inception(folder / "my models" / "inception.pth")
    write_dinov2(folder / "my models" / "DINOv2")
    return folder


def order(place: Path, models: str, ids: bool = False, **changes: Any) -> list[str | Path]:
    """The command; with `ids` what the preset names by Hub ids stays as it ships. `changes` are of
    the settings."""
    named = {
        "checkpoint": place / models / "SD 1.5 = inpainting",
        "evaluation.clip": place / models / "CLIP",
        "evaluation.segmenter": place / models / "Mask2Former",
    }
    settings = {
        **({} if ids else named),
        "evaluation.inception": place / models / "inception.pth",
        "evaluation.dinov2": place / models / "DINOv2",
        **FEW,
        **changes,
    }
    given = [part for name, value in settings.items() for part in ("--set", f"{name}={value}")]
    return [
        "run", "--preset", "sd15", "--dataset", "coco_panoptic", "--root", place / "coco",
        "--store", place / "store", "--json", *given,
    ]  # fmt: skip


@pytest.fixture(scope="module")
def first(place: Path) -> dict[str, Any]:
    return result_of(unigs(*order(place, "my models")))


def test_every_metric_of_the_paper_comes_out(first: dict[str, Any]) -> None:
    assert tuple(first["metrics"]) == TASKS
    assert first["cached"] == []
    for task in ("inpainting", "synthesis"):
        names = " ".join(first["metrics"][task])
        for metric in (
            *("frechet_distance.inception.", "frechet_distance.dinov2.", "cmmd.clip."),
            *("clip_i_region.clip.", "clip_t_full.clip."),
        ):
            assert metric in names, task
        # these are not the published weights
        assert "fid" not in names.split()
    assert "miou.mask2former." in " ".join(first["metrics"]["synthesis"])
    for task in ("referring", "entity"):
        assert 0 <= first["metrics"][task]["miou"] <= 1
    pipeline = Path(first["model"]["joint"])
    scheduler = json.loads((pipeline / "scheduler" / "scheduler_config.json").read_text())
    assert (scheduler["beta_end"], scheduler["beta_schedule"]) == (0.012, "scaled_linear")
    unet = json.loads((pipeline / "unet" / "config.json").read_text())
    assert (unet["in_channels"], unet["out_channels"]) == (13, 8)


def test_few_images_are_told_and_features_of_photographs_are_kept(
    first: dict[str, Any], place: Path
) -> None:
    report = (place / "store" / "coco_panoptic-sd15" / "report" / "joint" / "report.md").read_text()
    assert "4 images, 2048 dimensions: with no more images than dimensions" in report
    kept = {path.parent.name.partition(".")[0] for path in place.glob("store/features/*/*")}
    assert kept == {"inception", "clip", "dinov2"}


def test_the_gate_decides_and_lineage_and_card_name_the_weights(
    first: dict[str, Any], place: Path
) -> None:
    base = place / "store" / "coco_panoptic-sd15"
    decision = json.loads((base / "gate" / "joint" / "decision.json").read_text())
    assert decision["promoted"] is True
    tracking = Tracking(store=Store(root=str(place / "store")))
    best = champion(tracking, "unigs-coco_panoptic-sd15-joint")
    assert best is not None
    training = tracking.client().get_run(best.run_id)
    digests = {
        item.dataset.name: item.dataset.digest
        for item in training.inputs.dataset_inputs
        if item.dataset.name.startswith("weights.")
    }
    assert set(digests) == {"weights.autoencoder", "weights.text", "weights.unet"}
    assert training.data.params["batch_size"] == "4"
    card = (best.folder / "README.md").read_text()
    unet = digests["weights.unet"]
    assert f"| pretrained unet | SD 1.5 = inpainting, `{unet[:16]}` |" in card
    assert "license: creativeml-openrail-m" in card
    assert "training.batch_size=4" in card
    assert str(place) not in card


def test_the_plan_is_within_ten_percent_of_what_was_made(
    first: dict[str, Any], place: Path
) -> None:
    plan = result_of(unigs("plan", *order(place, "my models")[1:]))
    base = place / "store" / "coco_panoptic-sd15"
    made = {"samples": 0, "shards": 0, "shard_bytes": 0, "latent_bytes": 0}
    for kind, name in (("shards", "shard_bytes"), ("latents", "latent_bytes")):
        for file in (base / kind).rglob("manifest.json"):
            shards = json.loads(file.read_text())["shards"]
            made[name] += sum(shard["bytes"] for shard in shards)
            if kind == "shards":
                made["samples"] += sum(shard["samples"] for shard in shards)
                made["shards"] += len(shards)
            for text in ("text.safetensors", "prompts.json"):
                beside = file.with_name(text)
                made[name] += beside.stat().st_size if beside.exists() else 0
    print(json.dumps({name: [plan[name], made[name]] for name in made}))
    assert {name: plan[name] for name in made} == pytest.approx(made, rel=0.1)
    assert (plan["samples"], plan["steps"]) == (made["samples"], FEW["training.steps"])


def test_moved_models_rebuild_nothing(first: dict[str, Any], place: Path) -> None:
    (place / "my models").rename(place / "moved")
    second = result_of(unigs(*order(place, "moved")))
    assert second["built"] == []
    assert second["metrics"] == first["metrics"]


def test_the_ids_that_ship_go_through_the_graph_from_a_hub_cache(
    first: dict[str, Any], place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, models, shipped = place / "home of the hub", place / "moved", load_preset("sd15")
    assert shipped.checkpoint is not None
    clip, _, revision = shipped.evaluation.clip.partition("@")
    hub_cache(home, models / "SD 1.5 = inpainting", shipped.checkpoint)
    hub_cache(home, models / "CLIP", clip, revision)
    hub_cache(home, models / "Mask2Former", shipped.evaluation.segmenter)
    monkeypatch.setenv("HF_HOME", str(home))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    # what is the same in content is reused, whatever it is called: so other steps and scenes
    more = {"training.steps": FEW["training.steps"] + 1, "evaluation.scenes": 3}
    again = result_of(unigs(*order(place, "moved", ids=True, **more)))
    assert "autoencoder" in again["cached"]
    assert {"joint_weights", "joint_model"} <= {*again["built"]}
    told = " ".join(name for task in TASKS for name in again["metrics"][task])
    assert ".clip-vit-base-patch32." in told
    assert ".mask2former-swin-large-coco-panoptic." in told
