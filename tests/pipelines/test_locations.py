"""A code location a run: which are served, and with which settings."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest
import yaml

from assets_defs.metadata.provenance import dataset_and_preset
from assets_defs.run.partitions import all_settings_tag, settings_tags
from pipelines import locations
from pipelines.automation.requests import run_config
from pipelines.locations import (
    hand_over,
    handed_over,
    location_of,
    recorded,
    said_of,
    served,
    settings_of,
    unserved,
    workspace,
)
from resources.run_settings import GraphSettings
from resources.store import Store
from unigs.errors import ConfigError

SHAPES = GraphSettings()
PHOTOS = GraphSettings(dataset="coco_panoptic", root="/data/coco", overrides={"data.size": 32})


@pytest.fixture
def instance(monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    for name in ("DATASET", "PRESET", "ROOT", "SET", "LOCATION", "RUNS"):
        monkeypatch.delenv(f"UNIGS_{name}", raising=False)
    locations._definitions.cache_clear()
    with dg.DagsterInstance.ephemeral() as instance:
        # it keeps none
        monkeypatch.setattr(instance, "all_instigator_state", list)
        yield instance


def launched(
    instance: dg.DagsterInstance, config: dict[str, Any], tags: dict[str, str]
) -> dg.DagsterRun:
    run = dg.DagsterRun(job_name="everything", run_config=config, tags=tags)
    return instance.add_run(run)


def ran(instance: dg.DagsterInstance, settings: GraphSettings) -> dg.DagsterRun:
    """Record a run as `unigs run` launches it."""
    return launched(instance, run_config(Store(), settings), settings_tags(settings))


def test_without_records_it_is_the_default_run(instance: dg.DagsterInstance) -> None:
    assert [one.run for one in served(instance, [])] == ["shapes-tiny"]


def test_the_last_run_is_served_with_all_its_settings(instance: dg.DagsterInstance) -> None:
    ran(instance, SHAPES)
    ran(instance, PHOTOS)
    assert served(instance, []) == [PHOTOS]
    assert served(instance, ["shapes-tiny"]) == [PHOTOS, SHAPES]


def test_the_environment_goes_before_the_records(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran(instance, PHOTOS)
    monkeypatch.setenv("UNIGS_SET", "data.size=48")
    assert [one.run for one in served(instance, [])] == ["shapes-tiny"]
    monkeypatch.setenv("UNIGS_DATASET", PHOTOS.dataset)
    (found,) = served(instance, [])
    assert (found.run, found.overrides) == (PHOTOS.run, {"data.size": 48})


def test_a_preset_file_of_the_environment_is_found_from_every_folder(
    instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The servers run in the store, and `unigs run` notes the whole path."""
    (tmp_path / "mine.yaml").write_text("size: 16\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("UNIGS_PRESET", "mine.yaml")
    (found,) = served(instance, [])
    assert (found.run, found.preset) == ("shapes-mine", str(tmp_path / "mine.yaml"))


def test_a_run_of_the_launchpad_says_what_it_is_of_and_no_more(
    instance: dg.DagsterInstance,
) -> None:
    ran(instance, PHOTOS)
    ran(instance, SHAPES)
    part = {"resources": {"settings": {"config": {"train_steps": 5}}}}
    launched(instance, {}, settings_tags(PHOTOS))
    launched(instance, part, settings_tags(PHOTOS))
    launched(instance, {}, {})
    assert list(recorded(instance).items()) == [(PHOTOS.run, PHOTOS), (SHAPES.run, SHAPES)]


def test_a_run_of_the_launchpad_leaves_all_its_settings_to_the_next_start(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    """Its configuration is empty: they are those of its code location."""
    preset = tmp_path / "tiny.yaml"
    preset.write_text("size: 16\n")
    changes = {"data.size": 32}
    mine = GraphSettings(
        dataset="coco_panoptic", preset=str(preset), root="/data/coco", overrides=changes
    )

    @dg.asset(required_resource_keys={"settings"})
    def told(context: dg.AssetExecutionContext) -> None:
        dataset_and_preset(context)

    for settings, tags in ((SHAPES, {}), (mine, all_settings_tag(SHAPES))):
        dg.materialize([told], resources={"settings": settings}, instance=instance, tags=tags)
    (run, *_) = instance.get_runs()
    assert settings_of(run) == mine
    assert served(instance, []) == [mine]
    # what it tells goes before what is asked for
    assert settings_of(run, SHAPES) == mine


def test_what_a_run_does_not_tell_is_taken_from_what_is_asked_for(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    old = launched(instance, {}, settings_tags(PHOTOS))
    found = settings_of(old, GraphSettings(root="/data/coco"))
    assert found == GraphSettings(dataset="coco_panoptic", root="/data/coco")
    mine = GraphSettings(dataset="coco_panoptic", preset=str(tmp_path / "tiny.yaml"), root="/data")
    assert settings_of(old, mine) == mine


def test_a_run_with_a_setting_that_is_no_more_is_passed_over(instance: dg.DagsterInstance) -> None:
    config = {"resources": {"settings": {"config": {"train_steps": "many"}}}}
    assert settings_of(launched(instance, config, settings_tags(SHAPES))) is None


def test_a_run_that_is_not_there_is_one_line(instance: dg.DagsterInstance) -> None:
    ran(instance, PHOTOS)
    with pytest.raises(ConfigError, match="no run coco_panoptic-tny") as error:
        served(instance, ["coco_panoptic-tny"])
    assert "coco_panoptic-tiny" in str(error.value)


def state(location: str, status: str) -> Any:
    """Return the state of a sensor or schedule."""
    origin = SimpleNamespace(
        repository_origin=SimpleNamespace(
            code_location_origin=SimpleNamespace(location_name=location)
        )
    )
    return SimpleNamespace(origin=origin, status=SimpleNamespace(value=status))


def test_a_run_that_is_watched_and_was_never_launched_is_served_on(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It came from the environment of the start before."""
    ran(instance, SHAPES)
    before = handed_over(hand_over([PHOTOS])["UNIGS_RUNS"])
    assert served(instance, [], before) == [SHAPES]
    states = [state(PHOTOS.run, "RUNNING"), state("ade20k-tiny", "RUNNING")]
    monkeypatch.setattr(instance, "all_instigator_state", lambda: states)
    runs = served(instance, [], before)
    assert runs == [SHAPES, PHOTOS]
    assert unserved(instance, runs) == ["ade20k-tiny"]
    assert handed_over('{"gone-tiny": {"train_steps": "many"}, "odd": 3}') == []


def test_a_run_that_is_watched_is_served_without_being_asked_for(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else its sensor would stop with the next run of another data set."""
    ran(instance, PHOTOS)
    ran(instance, SHAPES)
    states = [
        state(PHOTOS.run, "RUNNING"),
        state("unigs", "RUNNING"),
        state("gone-tiny", "STOPPED"),
    ]
    monkeypatch.setattr(instance, "all_instigator_state", lambda: states)
    assert [one.run for one in served(instance, [])] == ["shapes-tiny", "coco_panoptic-tiny"]


def test_a_trial_that_a_sensor_would_repeat_is_seen(instance: dg.DagsterInstance) -> None:
    """The settings are those of the last launch."""
    changes = {"data.size": 32}
    trial = GraphSettings(root="/data", train_steps=5, overrides=changes)
    assert said_of(trial) == (
        "shapes-tiny (preset=tiny, root=/data, train_steps=5, overrides={'data.size': 32})"
    )
    assert said_of(SHAPES) == "shapes-tiny (preset=tiny)"


def test_the_workspace_has_a_location_for_each(instance: dg.DagsterInstance) -> None:
    targets = yaml.safe_load(workspace([PHOTOS, SHAPES]))["load_from"]
    names = [target["python_module"]["location_name"] for target in targets]
    assert names == ["coco_panoptic-tiny", "shapes-tiny"]


def test_the_location_of_a_deployment_has_a_name_of_its_own(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNIGS_LOCATION", "unigs")
    assert [location_of(one) for one in (SHAPES, PHOTOS)] == ["unigs", "coco_panoptic-tiny"]


def test_a_location_has_the_assets_and_the_launchpad_of_its_run(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in hand_over([PHOTOS, SHAPES]).items():
        monkeypatch.setenv(name, value)
    each = {"alerts"}
    told = {}
    for one in (PHOTOS, SHAPES):
        defs = getattr(locations, one.run)
        assert {key.path[0] for key in defs.resolve_asset_graph().get_all_asset_keys()} == {one.run}
        assert defs.resources["settings"] == one
        sensors = {sensor.name for sensor in defs.get_repository_def().sensor_defs}
        told[one.run] = (each | {"lost_runs"}) & sensors
    assert told == {"coco_panoptic-tiny": each | {"lost_runs"}, "shapes-tiny": each}
    with pytest.raises(AttributeError, match="ade20k-tiny"):
        _ = getattr(locations, "ade20k-tiny")


def test_loading_a_location_imports_nothing_heavy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in hand_over([PHOTOS]).items():
        monkeypatch.setenv(name, value)
    code = (
        "import json, sys, pipelines.locations as found\n"
        "getattr(found, 'coco_panoptic-tiny')\n"
        "print(json.dumps([name for name in ('torch', 'mlflow') if name in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
