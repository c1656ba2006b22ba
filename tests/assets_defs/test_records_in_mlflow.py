"""From a metric in MLflow to model, training run and annotations, and between the interfaces."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pytest
from mlflow.entities import Run
from PIL import Image

from assets_defs.cache.build import Built, build_or_reuse
from assets_defs.evaluators import DUAL_ENCODER, SEGMENTER
from assets_defs.run.folders import Folders
from assets_defs.run.keys import asset_name
from assets_defs.run.partitions import range_tags
from pipelines.automation.requests import run_config
from resources.launcher import Launcher
from resources.mlflow.links import mlflow_run_url, model_version_url
from resources.mlflow.registry import register_model
from resources.mlflow.tracking import Tracking
from resources.run_settings import GraphSettings
from resources.store import Store
from tests.support.runs.run_assets import keys, whole_job
from unigs.evaluation.metric_values import MetricValue, MetricValues, Role

SETTINGS = GraphSettings()
ANNOTATIONS = "ab" * 32


class Measured(Launcher):
    """In place of an evaluation: writes two values, and an upper bound where one is asked for."""

    def start(self, context: Any, module: str, order: Mapping[str, Any], place: Path) -> None:
        raise AssertionError("nothing is trained")

    def call(self, context: Any, work: Any, order: Mapping[str, Any], place: Path) -> None:
        for job in order["jobs"]:
            found = [MetricValue("miou", 0.5, ci_low=0.4, ci_high=0.6), MetricValue("n", 4)]
            if job["references"]:
                found.append(MetricValue("miou", 0.9, role=Role.CEILING, source="codec"))
            folder = Path(job["out_dir"])
            folder.mkdir(parents=True, exist_ok=True)
            MetricValues(tuple(found)).write(folder)
            Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(folder / "grid.png")


def built(place: Path, files: Mapping[str, str] | None = None, **metadata: Any) -> None:
    def build(folder: Path, resume: bool) -> Built:
        for name, text in (files or {}).items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        return Built(place.name, metadata)

    build_or_reuse(place, {}, build)


@pytest.fixture(scope="module")
def tracking(tmp_path_factory: pytest.TempPathFactory) -> Tracking:
    """A store in which an entity model was registered and nothing evaluated."""
    tracking = Tracking(store=Store(root=str(tmp_path_factory.mktemp("store"))))
    folders = Folders.of(tracking.store, SETTINGS)
    built(folders.raw("shapes"), {"annotations/val.json": "{}"})
    built(
        folders.scenes("shapes", "val"),
        {"index.parquet": "rows"},
        annotations={"annotations/val.json": ANNOTATIONS},
    )
    built(folders.shards("shapes", "val", "entity"))
    built(folders.protocol, {"shards/entity/manifest.json": "{}"})
    for kind in (DUAL_ENCODER, SEGMENTER):
        built(folders.evaluator(kind))
    built(folders.model("untrained"))
    with tracking.run("train entity shapes-tiny", tags={}, parameters={}) as training:
        weights = tracking.store.folder("weights")
        (weights / "model.safetensors").write_bytes(b"weights")
        version = register_model(tracking, training, "unigs-shapes-tiny-entity", weights, {})
    built(
        folders.model("entity"),
        name=version.name,
        version=version.version,
        model_id=version.model_id,
        **tracking.named(training),
    )
    return tracking


@pytest.fixture(scope="module")
def results(tracking: Tracking) -> dict[str, dict[str, Any]]:
    """Metadata by asset; the run was launched without tags of ours, as from the launchpad."""
    resources = {"launcher": Measured(), "store": tracking.store, "tracking": tracking}
    job = whole_job(SETTINGS, resources)
    with dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(
            run_config={
                "resources": {
                    "settings": run_config(tracking.store, SETTINGS)["resources"]["settings"]
                }
            },
            tags=range_tags("shapes"),
            asset_selection=keys(SETTINGS, ["reference_entity", "entity_evaluation_entity"]),
            instance=instance,
        )
        run = instance.get_run_by_id(result.run_id)
    assert run is not None
    found = {
        asset_name(event.materialization.asset_key): dict(event.materialization.metadata)
        for event in result.get_asset_materialization_events()
    }
    return found | {"run": {"tags": run.tags, "id": run.run_id}}


def logged(tracking: Tracking, metadata: Mapping[str, Any]) -> Run:
    return tracking.client().get_run(metadata["mlflow_run_id"].value)


def test_every_run_and_asset_says_its_data_set_and_preset(results: dict[str, Any]) -> None:
    assert results["run"]["tags"]["unigs/dataset"] == "shapes"
    assert results["run"]["tags"]["unigs/preset"] == "tiny"
    for name in ("reference_entity", "entity_evaluation_entity"):
        assert list(results[name])[:2] == ["dataset", "preset"]
        assert (results[name]["dataset"].value, results[name]["preset"].value) == ("shapes", "tiny")


def test_an_asset_links_to_its_run_and_the_run_to_dagster(
    results: dict[str, Any], tracking: Tracking
) -> None:
    metadata = results["entity_evaluation_entity"]
    run = logged(tracking, metadata)
    link = metadata["mlflow_run"]
    assert isinstance(link, dg.UrlMetadataValue)
    assert link.url == mlflow_run_url(run.info.run_id, run.info.experiment_id)
    said = run.data.tags["mlflow.note.content"]
    assert f"(http://127.0.0.1:3000/runs/{results['run']['id']})" in said
    assert "(http://127.0.0.1:3000/assets/shapes-tiny/entity_evaluation_entity)" in said
    assert run.data.tags["mlflow.source.name"] == (
        "Dagster asset shapes-tiny/entity_evaluation_entity"
    )


def test_a_metric_leads_to_model_training_and_annotations(
    results: dict[str, Any], tracking: Tracking
) -> None:
    run = logged(tracking, results["entity_evaluation_entity"])
    assert run.info.run_name == "evaluate entity entity shapes-tiny"
    assert list(run.data.params)[:4] == ["model", "task", "dataset", "preset"]
    names = {"entity.miou", "entity.miou.ci_low", "entity.protocol.all.miou.ci_high"}
    assert names <= run.data.metrics.keys()
    inputs = {item.dataset.name: item.dataset.digest for item in run.inputs.dataset_inputs}
    assert set(inputs) == {
        f"shapes-val.{part}" for part in ("entity", "scenes", "annotations", "protocol")
    }
    assert ANNOTATIONS.startswith(inputs["shapes-val.annotations"])
    client = tracking.client()
    (model,) = run.inputs.model_inputs
    version = client.get_model_version("unigs-shapes-tiny-entity", "1")
    found = client.get_logged_model(model.model_id)
    assert found.source_run_id == version.run_id == run.data.tags["training_run"]
    measured = {metric.key: metric.dataset_name for metric in found.metrics or []}
    assert measured["entity.miou"] == "shapes-val.entity"
    assert measured["entity.protocol.all.miou"] == "shapes-val.protocol"


def test_the_untrained_model_and_upper_bounds_are_tracked_too(
    results: dict[str, Any], tracking: Tracking
) -> None:
    run = logged(tracking, results["reference_entity"])
    assert run.info.run_name == "reference entity shapes-tiny"
    assert run.data.metrics["entity.untrained.miou"] == 0.5
    assert run.data.metrics["entity.codec_ceiling.miou"] == 0.9
    assert "entity.miou" not in run.data.metrics
    assert "shapes-val.annotations" in {item.dataset.name for item in run.inputs.dataset_inputs}


def test_a_registered_version_has_a_page() -> None:
    url = model_version_url("unigs a/b", "3")
    assert url.startswith("http://127.0.0.1:5000/#/models/unigs%20a%2Fb/versions/3?")
