"""A run that cannot fit is refused before it is launched, and by its first asset."""

import json
import subprocess
from pathlib import Path

import dagster as dg
import pytest

from assets_defs import training
from assets_defs.run import planning as module
from assets_defs.run.planning import planning, require_fit
from pipelines.automation.requests import run_config
from pipelines.runner.follow import Progress, follow
from resources.run_settings import GraphSettings
from resources.store import Store
from tests.support.runs.run_assets import keys, whole_job
from unigs.errors import ConfigError

FEW = {"data.size": 32, "data.train_scenes": 6, "data.val_scenes": 2}


def problems(store, root="", train_steps=0, dataset="shapes", **overrides):
    changes = FEW | {name.replace("__", "."): value for name, value in overrides.items()}
    settings = GraphSettings(
        dataset=dataset, root=str(root), train_steps=train_steps, overrides=changes
    )
    with planning(Store(root=str(store)), settings) as found:
        return found()


@pytest.mark.slow
def test_a_batch_beyond_the_memory_is_told_with_its_remedy(tmp_path):
    found = problems(tmp_path, training__batch_size=2097152)
    assert len(found) == 1
    assert "it would fit with training.accumulation: " in found[0]


@pytest.mark.slow
def test_what_cannot_be_planned_is_left_to_the_run(tmp_path):
    assert problems(tmp_path, dataset="coco_panoptic") == []


class Planned:
    """A plan that is made at once."""

    def __init__(self, told):
        self.told = told

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def communicate(self):
        return json.dumps(self.told), None

    def kill(self):
        pass


@pytest.fixture
def told(monkeypatch):
    """What the plan says; its commands are noted under "commands"."""
    said = {"problems": [], "disk_bytes": 1000}
    commands = []
    really = subprocess.Popen

    def start(command, **options):
        if "plan" not in command:
            return really(command, **options)
        commands.append(command)
        return Planned(said)

    monkeypatch.setattr(module.subprocess, "Popen", start)
    return said, commands


def test_a_run_that_fitted_is_planned_again_only_when_something_changed(tmp_path, told):
    said, commands = told
    root, store = tmp_path / "photographs", tmp_path / "store"
    root.mkdir()
    store.mkdir()
    for _ in range(2):
        assert problems(store, root) == []
        assert len(commands) == 1
    assert problems(store, root, training__batch_size=4) == []
    assert problems(store, root) == []
    (root / "new.json").write_text("{}")
    assert problems(store, root) == []
    assert len(commands) == 4
    said["disk_bytes"] = 1 << 62
    assert problems(store, root, train_steps=3) == []
    assert problems(store, root, train_steps=3) == []
    assert len(commands) == 6, "the space that was free then is not free now"
    said["problems"] = ["does not fit"]
    for _ in range(2):
        assert problems(store, root, train_steps=4) == ["does not fit"]
    assert len(commands) == 8


def test_overrides_reach_the_plan_as_they_were_given(tmp_path, told):
    from unigs.config.overrides import parse_overrides
    from unigs.config.preset import Preset

    given = {"training.epochs": 2.5, "data.latents": False, "checkpoint": "/models/SD 1.5"}
    settings = GraphSettings(overrides=given)
    told[0]["problems"] = ["too large"]
    with pytest.raises(ConfigError, match="too large"):
        require_fit(Store(root=str(tmp_path)), settings)
    (command,) = told[1]
    texts = [part.removeprefix("--set=") for part in command if part.startswith("--set=")]
    assert parse_overrides(Preset, texts) == given


@pytest.mark.parametrize("asset", ["raw", "joint_weights"])
def test_a_run_of_the_ui_that_cannot_fit_ends_in_its_first_asset(
    tmp_path: Path, told, asset: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the whole graph, or of a job that trains on the shards there are (said to be there)."""
    monkeypatch.setattr(training, "built_digest", lambda folder: "built")
    monkeypatch.setattr(
        training, "build_or_reuse", lambda place, inputs, build, reads: build(place, False)
    )
    told[0]["problems"] = ["device memory: 1.0 GiB, a training process needs 2.0 GiB"]
    store, settings = Store(root=str(tmp_path / "store")), GraphSettings(overrides=FEW)
    job = whole_job(settings)
    progress = Progress(lambda line: None, lambda state: None)
    with dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(
            run_config=run_config(store, settings),
            asset_selection=keys(settings, [asset]),
            instance=instance,
            raise_on_error=False,
        )
        follow(instance, result.run_id, progress)
    assert not result.success
    assert told[0]["problems"][0] in str(progress.failure)
    assert not (store.base / "shapes-tiny" / "raw").exists()
