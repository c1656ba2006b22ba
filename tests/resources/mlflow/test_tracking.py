"""A run's records hold everything that leads from a metric back to the annotations."""

import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from resources.mlflow.champion import crown
from resources.mlflow.registry import champion, find_version, register_model
from resources.mlflow.tracking import DatasetInput, Tracking, flatten
from resources.store import Store

DIGEST = "ab" * 32


@pytest.fixture(scope="module")
def tracking(tmp_path_factory: pytest.TempPathFactory) -> Tracking:
    return Tracking(store=Store(root=str(tmp_path_factory.mktemp("store"))))


@pytest.fixture
def model_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "weights.safetensors").write_bytes(b"not read when a model is logged")
    return folder


def test_run_keeps_inputs_parameters_metrics_and_images(tracking: Tracking, tmp_path: Path) -> None:
    grid = tmp_path / "grid.png"
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(grid)
    inputs = [DatasetInput("shapes-train.entity", DIGEST, "train", tmp_path)]
    with tracking.run(
        "training", tags={"dagster.run_id": "r1"}, parameters={"a": {"b": 1}}, inputs=inputs
    ) as run_id:
        tracking.log_metrics(run_id, {"loss": 2.0}, step=1)
        tracking.log_metrics(run_id, {"loss": 1.0}, step=2)
        tracking.log_images(run_id, {"grid": grid})
    client = tracking.client()
    run = client.get_run(run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params == {"a.b": "1"}
    assert run.data.tags["dagster.run_id"] == "r1"
    assert run.data.tags["digest.shapes-train.entity"] == DIGEST
    assert [m.value for m in client.get_metric_history(run_id, "loss")] == [2.0, 1.0]
    (dataset,) = run.inputs.dataset_inputs
    assert DIGEST.startswith(dataset.dataset.digest)
    assert len(dataset.dataset.digest) <= 36
    assert {tag.key: tag.value for tag in dataset.tags}["sha256"] == DIGEST
    assert [item.path for item in client.list_artifacts(run_id, "images")] == ["images/grid.png"]


def test_run_that_raises_is_marked_failed(tracking: Tracking) -> None:
    seen = []

    def broken() -> None:
        with tracking.run("training", tags={}, parameters={}) as run_id:
            seen.append(run_id)
            raise ValueError("bad")

    with pytest.raises(ValueError, match="bad"):
        broken()
    assert tracking.client().get_run(seen[0]).info.status == "FAILED"


def test_resumed_run_keeps_its_id_and_history(tracking: Tracking) -> None:
    first = tracking.open_run("training", tags={"try": "1"}, parameters={"x": 1})
    tracking.log_metrics(first, {"loss": 1.0}, step=15)
    tracking.end_run(first, "KILLED")
    again = tracking.open_run("training", tags={"try": "2"}, parameters={"x": 1}, resume=first)
    tracking.log_metrics(again, {"loss": 0.5}, step=16)
    assert again == first
    run = tracking.client().get_run(first)
    assert run.info.status == "RUNNING"
    assert run.data.tags["try"] == "2"
    assert [m.step for m in tracking.client().get_metric_history(first, "loss")] == [15, 16]


def test_registered_model_holds_the_folder_and_no_pickle(
    tracking: Tracking, model_folder: Path
) -> None:
    with tracking.run("training", tags={}, parameters={}) as run_id:
        version = register_model(tracking, run_id, "unigs-test", model_folder, {"steps": "3"})
    assert champion(tracking, "unigs-test") is None
    crown(tracking, version.name, version.version, "gate", "the first")
    best = champion(tracking, "unigs-test")
    assert best is not None
    assert (best.version, best.run_id) == (version.version, run_id)
    assert best.tags["steps"] == "3"
    assert (best.folder / "weights.safetensors").is_file()
    assert best.folder != model_folder
    logged = list(best.folder.parents[1].rglob("*"))
    assert not [file for file in logged if file.suffix in {".pkl", ".pickle", ".pt", ".bin"}]


def test_flatten_names_nested_settings_by_dots() -> None:
    assert dict(flatten({"a": {"b": {"c": 1}}, "d": [1, 2]})) == {"a.b.c": "1", "d": "[1, 2]"}


def test_a_models_page_has_the_metrics_of_its_evaluations(
    tracking: Tracking, model_folder: Path, tmp_path: Path
) -> None:
    """From a metric to the model, and to the digest of what it was measured on."""
    with tracking.run("train", tags={}, parameters={}) as training:
        version = register_model(tracking, training, "unigs-linked", model_folder, {})
    assert version.model_id
    assert find_version(tracking, "unigs-linked", version.version).model_id == version.model_id
    shards = DatasetInput("shapes-val.entity", DIGEST, "evaluation", tmp_path)
    with tracking.run(
        "evaluate", tags={}, parameters={}, inputs=[shards], model_id=version.model_id
    ) as run_id:
        values = {"entity.miou": 0.5}
        tracking.log_metrics(run_id, values, model_id=version.model_id, dataset=shards)
    client = tracking.client()
    (metric,) = client.get_logged_model(version.model_id).metrics
    assert (metric.key, metric.value, metric.run_id) == ("entity.miou", 0.5, run_id)
    assert metric.dataset_name == shards.name
    assert DIGEST.startswith(metric.dataset_digest)
    (model_input,) = client.get_run(run_id).inputs.model_inputs
    assert model_input.model_id == version.model_id
    experiment = client.get_run(run_id).info.experiment_id
    (best,) = client.search_logged_models([experiment], filter_string="metrics.`entity.miou` > 0.4")
    assert (best.model_id, best.source_run_id) == (version.model_id, training)


def test_runs_last_as_long_as_their_work(tracking: Tracking, model_folder: Path) -> None:
    began = time.time() - 100
    training = tracking.open_run("train", tags={}, parameters={}, started=began)
    tracking.end_run(training, "FINISHED")
    client = tracking.client()
    ended = client.get_run(training).info.end_time
    time.sleep(0.01)
    register_model(tracking, training, "unigs-later", model_folder, {})
    info = client.get_run(training).info
    assert (info.status, info.end_time) == ("FINISHED", ended)
    assert 100 <= (info.end_time - info.start_time) / 1000 < 200


def test_the_experiment_is_one_of_training(tmp_path: Path) -> None:
    """Also one that an earlier version made, without the tag."""
    tracking = Tracking(store=Store(root=str(tmp_path)))
    kind = {"mlflow.experimentKind": "custom_model_development"}
    client = tracking.client()
    experiment = client.get_experiment_by_name("unigs")
    assert experiment is not None
    assert kind.items() <= experiment.tags.items()
    client.delete_experiment_tag(experiment.experiment_id, "mlflow.experimentKind")
    again = tracking.client().get_experiment_by_name("unigs")
    assert again is not None
    assert kind.items() <= again.tags.items()
