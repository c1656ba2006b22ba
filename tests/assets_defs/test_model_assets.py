"""What the assets of a model count as their inputs, and what a training leaves when it fails."""

from pathlib import Path
from types import ModuleType
from typing import Any

import dagster as dg
import pytest

from assets_defs import evaluators, shards, training
from assets_defs.code_version import code_version
from assets_defs.partitions import run_tags
from pipelines.build import build_defs
from pipelines.requests import run_config
from resources.settings import GraphSettings
from resources.store import Store
from resources.tracking import Tracking


def execute(store: Store, settings: GraphSettings, name: str) -> None:
    job = build_defs().resolve_implicit_global_asset_job_def()
    with dg.DagsterInstance.ephemeral() as instance:
        job.execute_in_process(
            run_config=run_config(store, settings),
            tags=run_tags(settings),
            asset_selection=[dg.AssetKey(name.split("/"))],
            instance=instance,
        )


def inputs_of(
    module: ModuleType, name: str, settings: GraphSettings, folder: Path
) -> dict[str, Any]:
    """The inputs of an asset of ``module``, which is not built, as though all others were."""
    found: dict[str, Any] = {}

    class Noted(Exception):
        pass

    def note(place: Path, inputs: dict[str, Any], build: Any) -> None:
        found.update(inputs)
        raise Noted

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "built_digest", lambda place: place.name)
        patch.setattr(module, "build_or_reuse", note)
        with pytest.raises(Noted):
            execute(Store(root=str(folder)), settings, name)
    return found


def test_training_that_encodes_itself_counts_the_code_that_does(tmp_path: Path) -> None:
    live = GraphSettings(overrides={"data.latents": False})
    counted = inputs_of(training, "weights/entity", live, tmp_path)["encoding"]
    assert counted == code_version("latents/on_the_fly", without=("shards/build",))
    assert inputs_of(training, "weights/entity", GraphSettings(), tmp_path)["encoding"] is None


def test_latents_refined_in_other_steps_are_other_latents(tmp_path: Path) -> None:
    plain, refined = (
        inputs_of(shards, "latents", GraphSettings(overrides=overrides), tmp_path)
        for overrides in ({}, {"codec.refine_steps": 8})
    )
    assert {name for name in plain if plain[name] != refined[name]} == {"refine_steps"}


def test_a_training_that_cannot_begin_is_closed_in_mlflow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(tracking: Tracking, run_id: str, folders: Any) -> None:
        raise ValueError("no picture")

    store = Store(root=str(tmp_path))
    monkeypatch.setattr(training, "built_digest", lambda place: place.name)
    monkeypatch.setattr(training, "dataset_inputs", lambda *given: [])
    monkeypatch.setattr(training, "log_statistics", broken)
    with pytest.raises(ValueError, match="no picture"):
        execute(store, GraphSettings(), "weights/entity")
    client = Tracking(store=store).client()
    experiment = client.get_experiment_by_name("unigs")
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "KILLED"


def test_the_judge_of_a_mix_is_that_of_the_data_set_it_is_trained_on(tmp_path: Path) -> None:
    mixed = GraphSettings(dataset="mix", overrides={"data.mix": {"shapes": {}}})
    alone = inputs_of(evaluators, "evaluator/segmenter", GraphSettings(), tmp_path)
    assert inputs_of(evaluators, "evaluator/segmenter", mixed, tmp_path) == alone
