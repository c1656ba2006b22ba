"""The whole graph on photographs at their preset, cut to seconds; real ones where they exist."""

import json
from pathlib import Path

import pytest

from tests.e2e.command import TASKS, result_of, unigs
from tests.support.data.photo_excerpt import cut_panoptic

pytestmark = pytest.mark.e2e

SETS = ("ccp", "voc12", "coco_mini", "coco_person1")
SETTINGS = (
    "data.variants=1", "unet.architecture.block_out_channels=[32,32,32]", "training.batch_size=8",
    "training.validate_every=2", "training.validation_batches=1", "evaluation.train_scenes=4",
    "evaluation.evaluator_passes=1",
)  # fmt: skip


def settings(weights: Path) -> list[str]:
    return [f"--set={each}" for each in (*SETTINGS, f"autoencoder.source={weights / 'taesd'}")]


@pytest.fixture(scope="module")
def photos(test_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = test_data / "photos"
    if missing := [name for name in SETS if not (source / name).is_dir()]:
        pytest.skip(f"{source} has no {', '.join(missing)}")
    folder = tmp_path_factory.mktemp("photos")
    for name in SETS:
        cut_panoptic(source / name, folder / name, train=8, val=4)
    return folder


def test_one_set_goes_through_gate_and_report(
    photos: Path, test_weights: Path, tmp_path: Path
) -> None:
    done = unigs(
        "run", "--preset", "photo", "--dataset", "coco_panoptic", "--root", photos / "ccp",
        "--store", tmp_path, "--train-steps", "4", *settings(test_weights), "--json",
    )  # fmt: skip
    result = result_of(done)
    assert tuple(result["metrics"]) == TASKS
    assert {"miou", "protocol.training.miou"} <= result["metrics"]["entity"].keys()
    # Of a few scenes some classes are in validation alone.
    assert result["unseen_classes"]
    assert "of the validation split in no training scene" in done.stderr
    assert "joint_gate" in result["built"]


def test_the_mix_goes_through(photos: Path, test_weights: Path, tmp_path: Path) -> None:
    done = unigs(
        "run", "--preset", "photo", "--dataset", "mix", "--root", photos,
        "--store", tmp_path, "--train-steps", "4", *settings(test_weights), "--json",
    )  # fmt: skip
    assert tuple(result_of(done)["metrics"]) == TASKS
    listed = json.loads((tmp_path / "mix-photo" / "manifest" / "manifest.json").read_text())
    assert {key.split("|")[0] for key in listed} == {
        "ccp-val", *(f"{name}-train" for name in SETS)
    }  # fmt: skip
    assert "coco_mini-train|entity" not in listed
