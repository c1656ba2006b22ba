"""A version's evaluations come back by its name, its number or as the champion."""

import json
from pathlib import Path

import pytest

from pipelines.evaluations import main
from resources.mlflow.champion import crown
from resources.mlflow.curves import training_losses
from resources.mlflow.evaluations import keep_evaluations
from resources.mlflow.registry import EVALUATED_ON, register_model, tag_version
from resources.mlflow.tracking import Tracking
from resources.store import Store
from unigs.evaluation.metric_values import MetricValue, MetricValues
from unigs.metrics.bootstrap.per_image import PerImage

NAME = "unigs-shapes-tiny-joint"
FINGERPRINT = "cd" * 32


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a model of two versions: the first was evaluated, the second was not."""
    store = tmp_path_factory.mktemp("store")
    tracking = Tracking(store=Store(root=str(store)))
    weights, evaluation = store / "weights", store / "entity"
    for folder in (weights, evaluation):
        folder.mkdir()
    (weights / "model.safetensors").write_bytes(b"weights")
    MetricValues((MetricValue("miou", 0.5),)).write(evaluation)
    PerImage.of({"1": {"miou": (0.5, 1.0)}}).write(evaluation / "image_scores.parquet")
    with tracking.run("train", tags={}, parameters={}) as run_id:
        # step 20 was trained again after the training broke off
        for step, loss in ((20, 0.9), (40, 0.5), (20, 0.8)):
            tracking.log_metrics(run_id, {"loss": loss, "samples_per_second": 3.0}, step)
        tracking.log_metrics(run_id, {"validation_loss": 0.6}, 40)
        first = register_model(tracking, run_id, NAME, weights, {})
        register_model(tracking, run_id, NAME, weights, {})
    keep_evaluations(tracking, first, FINGERPRINT, {"entity": evaluation})
    tag_version(tracking, first, {EVALUATED_ON: FINGERPRINT})
    crown(tracking, NAME, first.version, "gate", "the first")
    for run in ("shapes-tiny", "shapes"):
        (store / run / "shards" / "val").mkdir(parents=True)
    return store


@pytest.mark.parametrize("asked", [f"{NAME}/1", "1", "champion", f"{NAME}/champion"])
def test_a_version_is_fetched_by_any_of_its_names(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], asked: str
) -> None:
    assert main([asked, "--store", str(store), "--out", str(tmp_path)]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert found == {
        "name": f"{NAME}/1",
        "shards": str(store / "shapes-tiny" / "shards" / "val"),
        "evaluated_on": FINGERPRINT,
        "curves": {"loss": [[20, 0.8], [40, 0.5]], "validation_loss": [[40, 0.6]]},
    }
    assert next(iter(MetricValues.read(tmp_path / "entity"))).value == 0.5


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("nowhere", "no version nowhere"),
        ("other/1", "no folder and no version"),
        ("7", "it has 1, 2"),
        ("2", "run its gate first"),
    ],
)
def test_what_is_not_there_is_one_line(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], asked: str, said: str
) -> None:
    assert main([asked, "--store", str(store), "--out", str(tmp_path)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line


def test_a_run_that_is_gone_has_no_losses(store: Path) -> None:
    assert training_losses(Tracking(store=Store(root=str(store))), "0" * 32) == {}


def test_without_a_store_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["champion", "--store", str(tmp_path), "--out", str(tmp_path)]) == 1
    assert "no models" in capsys.readouterr().err
