"""Pretrained weights are inputs of assets by their content."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from assets_defs import components, evaluation, evaluators, training
from assets_defs.run import pretrained
from assets_defs.run.folders import Folders
from assets_defs.run.pretrained import COMPONENTS, EVALUATORS, RECORD, weights_inputs
from resources.run_settings import GraphSettings
from resources.store import Store
from tests.assets_defs.test_model_assets import inputs_of
from tests.support.models.checkpoints import write_checkpoint
from tests.support.models.vision_models import write_clip, write_dinov2, write_mask2former

ASSETS = {
    "autoencoder": components,
    "entity_weights": training,
    "untrained": training,
    "evaluator/dual_encoder": evaluators,
    "evaluator/segmenter": evaluators,
    "reference_entity": evaluation,
}
# Which asset an own weights file reaches; others see it through the asset that they depend on.
REACHED = {
    "SD/vae/diffusion_pytorch_model.safetensors": {"autoencoder"},
    "SD/unet/diffusion_pytorch_model.safetensors": {"entity_weights", "untrained"},
    "clip/model.safetensors": {"evaluator/dual_encoder"},
    "m2f/model.safetensors": {"evaluator/segmenter"},
    "inception.pth": {"reference_entity"},
    "dinov2/model.safetensors": {"reference_entity"},
}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    write_checkpoint(folder / "SD")
    write_clip(folder / "clip")
    write_mask2former(folder / "m2f", {0: "person"})
    write_dinov2(folder / "dinov2")
    (folder / "inception.pth").write_bytes(b"weights")
    return folder


def settings_of(folder: Path) -> GraphSettings:
    return GraphSettings(
        preset="sd15",
        overrides={
            "checkpoint": str(folder / "SD"),
            "evaluation.clip": str(folder / "clip"),
            "evaluation.segmenter": str(folder / "m2f"),
            "evaluation.inception": str(folder / "inception.pth"),
            "evaluation.dinov2": str(folder / "dinov2"),
        },
    )


def all_inputs(folder: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    settings = settings_of(folder)
    monkeypatch.setattr(training, "save_pipeline", lambda *given: pytest.fail("built"))
    return {name: inputs_of(module, name, settings, store) for name, module in ASSETS.items()}


def test_moved_weights_rebuild_nothing_and_changed_ones_what_they_reach(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = all_inputs(models, tmp_path, monkeypatch)
    copy = shutil.copytree(models, tmp_path / "models = elsewhere")
    assert all_inputs(copy, tmp_path, monkeypatch) == first
    for file, reached in REACHED.items():
        place = copy / file
        if place.suffix == ".pth":
            place.write_bytes(b"others.")
        else:
            tensors = load_file(place)
            next(iter(tensors.values())).view(-1)[0] += 1
            save_file(tensors, place, {"format": "pt"})
        now = all_inputs(copy, tmp_path, monkeypatch)
        assert {name for name in first if now[name] != first[name]} == reached, file
        shutil.copy(models / file, place)


def test_the_lineage_holds_their_digests(models: Path, tmp_path: Path) -> None:
    folders = Folders.of(Store(root=str(tmp_path)), settings_of(models))
    found = weights_inputs(folders, settings_of(models), [*COMPONENTS, *EVALUATORS])
    assert [item.name for item in found] == [
        f"weights.{name}" for name in (*COMPONENTS, *EVALUATORS)
    ]
    assert {len(item.digest) for item in found} == {64}
    assert found[2].source == models / "SD" / "unet"
    assert (tmp_path / RECORD).is_file()
    assert weights_inputs(folders, GraphSettings(), COMPONENTS) == []


def test_feature_networks_count_beside_evaluators_that_the_graph_trains(
    models: Path, tmp_path: Path
) -> None:
    named = {"evaluation.dinov2": str(models / "dinov2"), "evaluation.clip": str(models / "clip")}
    settings = GraphSettings(overrides=named)
    found = weights_inputs(Folders.of(Store(root=str(tmp_path)), settings), settings, EVALUATORS)
    assert [item.name for item in found] == ["weights.dinov2"]


def test_the_names_are_the_librarys() -> None:
    from unigs.models import pretrained as library

    assert tuple(library.COMPONENTS) == pretrained.COMPONENTS
    assert library.EVALUATORS == pretrained.EVALUATORS
