"""The check compares with the champion's data, warns with a plot, and stops nothing."""

import json
from dataclasses import asdict
from pathlib import Path

import dagster as dg
import pytest

from assets_defs.retraining.drift import (
    DISTRIBUTIONS,
    DRIFT,
    drift_check,
    keep_distributions,
    note_trained_on,
)
from assets_defs.run.folders import Folders
from resources.run_settings import GraphSettings
from resources.store import Store
from tests.assets_defs.test_checks import execute
from tests.support.data.made_scenes import files_of
from unigs.datasets.shapes.generate import write_shapes
from unigs.index.drift import Distributions
from unigs.lineage.champions import note_champion

NAME = "unigs-shapes-tiny-joint"


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    found = Folders.of(Store(root=str(tmp_path)), GraphSettings())
    found.statistics.mkdir(parents=True)
    return found


def put(file: Path, classes: dict[str, int]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(asdict(Distributions(classes, {"1": 100}, {"0": 100}))))


def champion_of(folders: Folders, classes: dict[str, int], version: str = "3") -> None:
    put(folders.trained_on(f"{NAME}/{version}"), classes)
    note_champion(folders.store, NAME, version)


def test_without_a_champion_there_is_nothing_to_compare(folders: Folders) -> None:
    put(folders.statistics / DISTRIBUTIONS, {"ball": 100})
    found = drift_check(folders, GraphSettings())
    assert found.passed
    assert found.description == "there is no champion to compare with"


def test_a_champion_of_an_earlier_version_passes_with_a_word(folders: Folders) -> None:
    put(folders.statistics / DISTRIBUTIONS, {"ball": 100})
    note_champion(folders.store, NAME, "3")
    found = drift_check(folders, GraphSettings())
    assert found.passed
    assert found.description == f"what the champion {NAME}/3 was trained on is not recorded"


def test_the_same_distribution_passes(folders: Folders) -> None:
    put(folders.statistics / DISTRIBUTIONS, {"ball": 100, "box": 300})
    champion_of(folders, {"ball": 1000, "box": 3000})
    found = drift_check(folders, GraphSettings())
    assert found.passed
    assert found.metadata["classes"].value == pytest.approx(0)
    assert "plot" not in found.metadata


def test_another_one_warns_with_a_plot_and_the_class(folders: Folders) -> None:
    put(folders.statistics / DISTRIBUTIONS, {"ball": 3000, "box": 1000})
    champion_of(folders, {"ball": 1000, "box": 3000})
    found = drift_check(folders, GraphSettings())
    assert not found.passed
    assert found.severity is dg.AssetCheckSeverity.WARN
    said = f"other data than that of the champion {NAME}/3: classes: 50% lie elsewhere ("
    assert str(found.description).startswith(said)
    assert "ball 75% instead of 25%" in str(found.description)
    plot = found.metadata["plot"].value
    assert plot.startswith("![drift](data:image/png;base64,")
    assert len(plot) < 200_000


def test_what_weights_were_trained_on_follows_them_to_their_version(
    folders: Folders, tmp_path: Path
) -> None:
    weights = tmp_path / "weights"
    weights.mkdir()
    keep_distributions(folders, weights)
    note_trained_on(folders, weights, NAME, "1")
    assert not folders.trained_on(f"{NAME}/1").exists()
    put(folders.statistics / DISTRIBUTIONS, {"ball": 1})
    keep_distributions(folders, weights)
    put(folders.statistics / DISTRIBUTIONS, {"ball": 2})
    note_trained_on(folders, weights, NAME, "1")
    note_champion(folders.store, NAME, "1")
    assert json.loads(folders.trained_on(f"{NAME}/1").read_text())["classes"] == {"ball": 1}


def test_the_asset_warns_and_is_built(tmp_path: Path) -> None:
    root = tmp_path / "set"
    write_shapes(root, train=6, val=2, size=32)
    store = Store(root=str(tmp_path / "store"))
    settings = GraphSettings(dataset="coco_panoptic", root=str(root), workers=1)
    folders = Folders.of(store, settings)
    name = "unigs-coco_panoptic-tiny-joint"
    put(folders.trained_on(f"{name}/1"), {"another class": 1000})
    note_champion(store.base, name, "1")
    assets = ("raw", "scenes_index_train", "scenes_index_val", "quarantine_report")
    result, progress = execute(store, settings, (*assets, "scene_statistics"))
    found = {e.check_name: e for e in result.get_asset_check_evaluations()}[DRIFT]
    assert (found.passed, found.blocking) == (False, False)
    assert result.success
    assert progress.failure is None
    assert DISTRIBUTIONS in files_of(folders.statistics)
