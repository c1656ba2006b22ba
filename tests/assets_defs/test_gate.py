"""The checks of a decision fail when the model is worse; a champion that is lost is replaced."""

import json
import shutil
from pathlib import Path

import pytest

from assets_defs import gate
from assets_defs.cache import build as cache_build
from assets_defs.gate import BETTER, NOT_WORSE, checks
from assets_defs.models import registered_name
from assets_defs.run.folders import Folders
from assets_defs.training import VERSION_FILE
from resources.mlflow.champion import champion_version, crown
from resources.mlflow.registry import ModelVersion, register_model
from resources.mlflow.tracking import Tracking
from resources.run_settings import GraphSettings
from resources.store import Store
from tests.evaluation.test_promotion import scored
from tests.support.runs.run_assets import materialise
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

    monkeypatch.setattr(gate, "keep_evaluations", lambda *given: None)
    monkeypatch.setattr(promotion, "read_scores", lambda places: scored(entity=0.1))
    decided = decide(monkeypatch, store, settings, "entity")
    assert f"the champion is lost: {best.folder.parents[1]}" in decided["reason"].value
    assert champion_version(tracking, name) == candidate["version"]


def test_the_page_of_a_decision_is_an_artifact_of_the_candidates_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch")
    from tests.comparison.conftest import evaluated
    from tests.support.evaluation.evaluated_shards import samples
    from unigs.comparison import inputs

    store, settings = Store(root=str(tmp_path / "store")), GraphSettings()
    tracking, name = Tracking(store=store), registered_name(settings, "referring")
    folders = Folders.of(store, settings)
    (tmp_path / "pipeline").mkdir()
    (tmp_path / "pipeline" / "weights").write_text("w")
    drawn = samples(tmp_path / "scenes", "referring", 3)
    monkeypatch.setattr(inputs, "read_samples", lambda shards: iter(drawn))

    def decided_on(worth: str, digest: str) -> tuple[ModelVersion, dict]:
        place = folders.evaluation("referring", "referring")
        shutil.rmtree(place, ignore_errors=True)
        evaluated(place, drawn, worth)
        with tracking.run("train", tags={}, parameters={}) as run_id:
            version = register_model(tracking, run_id, name, tmp_path / "pipeline", {})
            tracking.client().log_metric(run_id, "loss", 0.5, step=20)
        folders.model("referring").mkdir(parents=True, exist_ok=True)
        told = {"name": name, "version": version.version}
        (folders.model("referring") / VERSION_FILE).write_text(json.dumps(told))
        return version, decide(monkeypatch, store, settings, "referring", digest)

    def pages(version: ModelVersion) -> list[str]:
        return [a.path for a in tracking.client().list_artifacts(version.run_id, "gate")]

    best, _ = decided_on("blurred", "first")
    candidate, decided = decided_on("truth", "second")
    assert decided["promoted"].value
    assert pages(candidate) == ["gate/comparison.html"]
    assert not pages(best), "there was nothing to compare it with"
    page = tracking.client().download_artifacts(candidate.run_id, pages(candidate)[0])
    text = Path(page).read_text("utf-8")
    assert f"{candidate.name}/{candidate.version} left" in text
    assert f"{best.name}/{best.version}: from 0.500 at step 20" in text
    assert "photograph 0000" in text
    assert Path(decided["comparison"].value).read_text("utf-8") == text

    champions = [f"{name}/{candidate.version}"]
    monkeypatch.setattr(gate, "tainted_by_forgotten", lambda place: champions)
    successor, decided = decided_on("blurred", "third")
    assert "saw forgotten images" in decided["reason"].value
    assert pages(successor) == ["gate/comparison.html"]


def decide(
    monkeypatch: pytest.MonkeyPatch,
    store: Store,
    settings: GraphSettings,
    model: str,
    digest: str = "digest",
) -> dict:
    """Materialise a gate whose inputs are known by ``digest``; its metadata."""
    monkeypatch.setattr(gate, "built_digest", lambda place: digest)
    monkeypatch.setattr(gate, "evaluation_inputs", lambda *given: {})
    monkeypatch.setattr(cache_build, "verify", lambda folders: None)
    result = materialise(store, settings, [f"{model}_gate"])
    (event,) = result.asset_materializations_for_node(f"{model}_gate")
    return dict(event.metadata)
