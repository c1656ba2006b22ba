"""A run's record opens on what people compare, and holds the rest as files."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from resources.mlflow.content import (
    PRESET_FILE,
    evaluation_parameters,
    log_evaluation,
    log_preset,
    log_statistics,
    training_parameters,
)
from resources.mlflow.tracking import Tracking
from resources.run_settings import GraphSettings
from resources.store import Store
from unigs.index.statistics import SceneStatistics

SETTINGS = GraphSettings(train_steps=7, overrides={"data.seed": 3})


@pytest.fixture(scope="module")
def tracking(tmp_path_factory: pytest.TempPathFactory) -> Tracking:
    return Tracking(store=Store(root=str(tmp_path_factory.mktemp("store"))))


def test_parameters_are_few_and_say_first_what_the_run_is_of() -> None:
    training = training_parameters("joint", SETTINGS, SETTINGS.values)
    evaluation = evaluation_parameters("joint", "entity", SETTINGS, SETTINGS.values)
    assert list(training)[:4] == ["model", "dataset", "preset", "changed"]
    assert list(evaluation)[:5] == ["model", "task", "dataset", "preset", "changed"]
    assert max(len(training), len(evaluation)) <= 20
    assert json.loads(training["changed"]) == {"data.seed": 3, "training.steps": 7}
    assert (training["steps"], training["seed"], evaluation["seed"]) == (7, 3, 3)
    assert evaluation_parameters("m", "entity", GraphSettings(), SETTINGS.values)["changed"] == (
        "nothing"
    )


def test_the_whole_preset_is_a_file(tracking: Tracking, tmp_path: Path) -> None:
    with tracking.run("train", tags={}, parameters={}) as run_id:
        log_preset(tracking, run_id, SETTINGS.values)
    file = tracking.client().download_artifacts(run_id, PRESET_FILE, str(tmp_path))
    found = yaml.safe_load(Path(file).read_text())
    assert found == SETTINGS.values.model_dump(mode="json")


def test_statistics_are_tables_and_a_plot_and_no_metrics(
    tracking: Tracking, tmp_path: Path
) -> None:
    def statistics(images: int, classes: dict[str, int]) -> SceneStatistics:
        coverage = dict.fromkeys(range(1, 17), 0.5)
        return SceneStatistics(
            images, 9, 5, {3: images}, classes, classes, (), 0.9, 0.0, coverage, coverage, {}
        )

    file, plot = tmp_path / "statistics.json", tmp_path / "plot.png"
    found = {"train": statistics(4, {"dog": 6, "sky": 3}), "val": statistics(2, {"cat": 1})}
    file.write_text(json.dumps({name: asdict(value) for name, value in found.items()}))
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(plot)
    with tracking.run("train", tags={}, parameters={}) as run_id:
        log_statistics(tracking, run_id, file, plot)
    client = tracking.client()
    run = client.get_run(run_id)
    assert run.data.metrics == {}
    experiment = run.info.experiment_id
    table = client.load_table(experiment, "tables/data_statistics.json", [run_id])
    rows = table.set_index("name")
    assert rows.loc["images"].tolist() == [4, 2]
    assert rows.loc["coverage_11x11"].tolist() == [0.5, 0.5]
    classes = client.load_table(experiment, "tables/data_classes.json", [run_id])
    assert classes.set_index("name").loc["cat"].tolist() == [0, 1]
    assert [item.path for item in client.list_artifacts(run_id, "images")] == ["images/data.png"]


def test_an_evaluations_files_are_artifacts_without_its_pictures(
    tracking: Tracking, tmp_path: Path
) -> None:
    (tmp_path / "images").mkdir()
    for name in ("metrics.json", "results.json", "images/1.png"):
        (tmp_path / name).write_text("[]")
    with tracking.run("evaluate", tags={}, parameters={}) as run_id:
        log_evaluation(tracking, run_id, tmp_path)
    found = [item.path for item in tracking.client().list_artifacts(run_id, "evaluation")]
    assert found == ["evaluation/metrics.json", "evaluation/results.json"]
