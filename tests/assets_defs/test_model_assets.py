"""What the assets of a model count as their inputs, and what a training leaves when it fails."""

import json
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from assets_defs import evaluators, shards, training
from assets_defs.cache import build as cache_build
from assets_defs.cache.build import Built, build_or_reuse
from assets_defs.cache.records import build_record, built_digest
from assets_defs.cache.staleness import code_of
from assets_defs.launched.training_entry import REPORT
from assets_defs.retraining.start import Start, Starts
from assets_defs.retraining.turn import said_holder
from assets_defs.run.folders import Folders
from resources.mlflow.tracking import Tracking
from resources.process.launcher import ProcessLauncher
from resources.run_settings import GraphSettings
from resources.store import Store
from tests.support.data.made_scenes import files_of
from tests.support.runs.run_assets import materialise
from unigs.lineage.history import history_file, read_history


def inputs_of(
    module: ModuleType, name: str, settings: GraphSettings, folder: Path
) -> dict[str, Any]:
    """The inputs of an asset of ``module``, which is not built, as though all others were."""
    found: dict[str, Any] = {}

    class Noted(Exception):
        pass

    def note(place: Path, inputs: dict[str, Any], build: Any, **options: Any) -> None:
        found.update(inputs)
        raise Noted

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "built_digest", lambda place: place.name)
        patch.setattr(module, "build_or_reuse", note)
        with pytest.raises(Noted):
            materialise(Store(root=str(folder)), settings, [name])
    return found


def test_training_that_encodes_itself_counts_the_code_that_does(tmp_path: Path) -> None:
    live = GraphSettings(overrides={"data.latents": False})
    counted = inputs_of(training, "entity_weights", live, tmp_path)["encoding"]
    assert counted == code_of("encoding")
    assert inputs_of(training, "entity_weights", GraphSettings(), tmp_path)["encoding"] is None


def test_latents_refined_in_other_steps_are_other_latents(tmp_path: Path) -> None:
    plain, refined = (
        inputs_of(shards, "latents", GraphSettings(overrides=overrides), tmp_path)
        for overrides in ({}, {"codec.refine_steps": 8})
    )
    assert {name for name in plain if plain[name] != refined[name]} == {"refine_steps"}


def test_a_training_that_cannot_begin_is_closed_in_mlflow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(tracking: Tracking, run_id: str, preset: Any) -> None:
        raise ValueError("no picture")

    store = Store(root=str(tmp_path))
    monkeypatch.setattr(training, "built_digest", lambda place: place.name)
    monkeypatch.setattr(training, "dataset_inputs", lambda *given: [])
    monkeypatch.setattr(training, "log_preset", broken)
    monkeypatch.setattr(training, "verify", lambda folders: None)
    monkeypatch.setattr(cache_build, "verify", lambda folders: None)
    with pytest.raises(ValueError, match="no picture"):
        materialise(store, GraphSettings(), ["entity_weights"])
    client = Tracking(store=store).client()
    experiment = client.get_experiment_by_name("unigs")
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "KILLED"


class Trainer(ProcessLauncher):
    """In place of the training's process: notes what it is told, and ends as it is told."""

    ends: str

    def run(self, context: Any, command: Any, *, extras: Any = None, env: Any = None) -> None:
        out = Path(extras["out_dir"])
        # nobody else trains meanwhile
        assert said_holder(Path(extras["store"])).startswith(f"run {context.run.run_id[:8]} (")
        found = sorted(path.name for path in (out / "checkpoints").glob("*"))
        (out / "checkpoints").mkdir(exist_ok=True)
        (out / "checkpoints" / f"step-{len(found)}").write_text("state")
        if self.ends == "cancelled":
            raise KeyboardInterrupt
        (out / "unet").mkdir()
        steps = extras["preset"]["training"]["steps"]
        begun = f" from {extras['start']}" if extras["start"] else ""
        (out / "unet" / "weights").write_text(f"of {steps} steps{begun}")
        report = {"digest": f"{steps}", "found": len(found)}
        (out / REPORT).write_text(json.dumps(report))


def built_data(store: Store, settings: GraphSettings) -> Folders:
    """The folders that a training of the entity task reads, as though they were built."""
    folders = Folders.of(store, settings)
    before = [folders.autoencoder, folders.text_encoder]
    for split in ("train", "val"):
        before += [folders.shards("shapes", split, "entity")]
        before += [folders.latents("shapes", split, "entity")]
    for place in before:
        build_or_reuse(place, {}, lambda place, resume: Built(place.name))
    return folders


def test_a_training_that_goes_on_from_the_champion_has_its_start_and_its_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def decide(starts: Starts, inputs: Mapping[str, Any]) -> Start:
        assert inputs["preset"]["training"]["steps"] == 1400
        return Start(again=True, version="model/3", model="digest", folder="/champion", said="so")

    store = Store(root=str(tmp_path))
    settings = GraphSettings(overrides={"retraining": {"start": "champion", "steps": 9}})
    folders = built_data(store, settings)
    monkeypatch.setattr(Starts, "decide", decide)
    materialise(store, settings, ["entity_weights"], resources={"launcher": Trainer(ends="well")})
    weights = folders.weights("entity")
    assert (weights / "unet" / "weights").read_text() == "of 9 steps from /champion"
    assert build_record(weights)["metadata"]["started_from"] == "model/3"
    (build,) = read_history(tmp_path, history_file(weights))
    assert build.inputs["start"] == {"version": "model/3", "model": "digest"}
    (run,) = Tracking(store=store).client().search_runs(["1"])
    assert run.data.tags["started_from"] == "model/3"


def test_a_cancelled_retraining_leaves_the_finished_weights_and_goes_on_later(
    tmp_path: Path,
) -> None:
    store, settings = Store(root=str(tmp_path)), GraphSettings(train_steps=5)
    folders = built_data(store, settings)

    def train(steps: int, ends: str) -> None:
        own, settings = {"launcher": Trainer(ends=ends)}, GraphSettings(train_steps=steps)
        materialise(store, settings, ["entity_weights"], resources=own)

    train(5, "well")
    finished = files_of(folders.weights("entity"))
    assert finished["unet/weights"] == b"of 5 steps"
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            train(9, "cancelled")
        assert files_of(folders.weights("entity")) == finished
        assert built_digest(folders.weights("entity")) == "5"
    train(9, "well")
    after = files_of(folders.weights("entity"))
    assert after["unet/weights"] == b"of 9 steps"
    assert build_record(folders.weights("entity"))["metadata"]["found"] == 2
    assert not [name for name in after if name.startswith("checkpoints")]
    runs = Tracking(store=store).client().search_runs(["1"])
    assert sorted(run.info.status for run in runs) == ["FINISHED", "FINISHED"]


def test_the_evaluators_of_a_mix_are_those_of_its_evaluation_set(tmp_path: Path) -> None:
    mixed = GraphSettings(dataset="mix", overrides={"data.mix": {"shapes": {}}})
    alone = inputs_of(evaluators, "evaluator/segmenter", GraphSettings(), tmp_path)
    assert inputs_of(evaluators, "evaluator/segmenter", mixed, tmp_path) == alone
