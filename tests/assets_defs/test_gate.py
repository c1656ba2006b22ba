"""The checks of a decision fail when the model is worse; a champion that is lost is replaced."""

import json
import shutil
from pathlib import Path

import dagster as dg
import pytest

from assets_defs import gate
from assets_defs.gate import BETTER, NOT_WORSE, checks
from assets_defs.models import registered_name
from assets_defs.support import build_cache
from assets_defs.support.folders import Folders
from assets_defs.support.partitions import run_tags
from assets_defs.training import VERSION_FILE
from pipelines.automation.requests import run_config
from resources.mlflow.champion import champion_version, crown
from resources.mlflow.registry import ModelVersion, register_model
from resources.mlflow.tracking import Tracking
from resources.run_settings import GraphSettings
from resources.store import Store
from tests.evaluation.test_promotion import scored
from tests.support.run_assets import keys, whole_job
from unigs.evaluation import promotion


def decision(**differences: float) -> dict:
    return {
        "reason": "not promoted: worse",
        "differences": {
            task: {"difference": value, "ci_low": value - 0.02, "ci_high": value + 0.02}
            for task, value in differences.items()
        },
    }


def passed(found: dict) -> dict[str, bool]:
    return {check.check_name: check.passed for check in checks(found)}


def test_a_better_model_passes() -> None:
    assert passed(decision(mean=0.1, entity=0.21, referring=-0.01)) == {
        BETTER: True,
        NOT_WORSE: True,
    }


def test_without_a_champion_there_is_nothing_to_fail() -> None:
    assert passed({"reason": "the first model"}) == {BETTER: True, NOT_WORSE: True}


def test_a_worse_mean_and_a_worse_task_fail() -> None:
    found = decision(mean=-0.001, entity=0.1, referring=-0.1)
    assert passed(found) == {BETTER: False, NOT_WORSE: False}
    told = {check.check_name: check.description for check in checks(found)}
    assert told == {BETTER: "not promoted: worse", NOT_WORSE: "worse in referring"}
    assert passed(decision(mean=0.1, entity=0.5, referring=-0.1)) == {
        BETTER: True,
        NOT_WORSE: False,
    }


def test_a_champion_whose_folder_is_gone_is_told_and_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, settings = Store(root=str(tmp_path / "store")), GraphSettings()
    tracking, name = Tracking(store=store), registered_name(settings, "entity")
    made = tmp_path / "pipeline"
    made.mkdir()
    (made / "weights").write_text("w")

    def register() -> ModelVersion:
        with tracking.run("train", tags={}, parameters={}) as run_id:
            return register_model(tracking, run_id, name, made, {})

    best = register()
    crown(tracking, name, best.version, "gate", "the first")
    folder = Folders.of(store, settings).model("entity")
    folder.mkdir(parents=True)
    candidate = {"name": name, "version": register().version}
    (folder / VERSION_FILE).write_text(json.dumps(candidate))
    shutil.rmtree(best.folder.parents[1])

    monkeypatch.setattr(gate, "built_digest", lambda place: "digest")
    monkeypatch.setattr(gate, "evaluation_inputs", lambda *given: {})
    monkeypatch.setattr(gate, "keep_evaluations", lambda *given: None)
    monkeypatch.setattr(build_cache, "verify", lambda folders: None)
    monkeypatch.setattr(promotion, "read_scores", lambda places: scored(entity=0.1))
    job = whole_job(settings)
    with dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(
            run_config=run_config(store, settings),
            tags=run_tags(settings),
            asset_selection=keys(settings, ["entity_gate"]),
            instance=instance,
        )
    (event,) = result.asset_materializations_for_node("entity_gate")
    assert f"the champion is lost: {best.folder.parents[1]}" in event.metadata["reason"].value
    assert champion_version(tracking, name) == candidate["version"]
