"""The code location loads fast and whole."""

import subprocess
import sys

import dagster as dg
import pytest

from assets_defs.run.keys import asset_key
from assets_defs.run.partitions import settings_tags
from pipelines.build import build_defs
from resources.run_settings import GraphSettings
from resources.store import Store
from unigs.errors import ConfigError

HEAVY = (
    "torch",
    "diffusers",
    "transformers",
    "mlflow",
    "numba",
    "matplotlib",
    "unigs.training.loop",
)


# that are on by themselves
ON = {"alerts", "lost_runs"}


def key(name: str) -> dg.AssetKey:
    return asset_key("shapes-tiny", name)


def test_loading_imports_nothing_heavy() -> None:
    code = (
        "import sys, pipelines.definitions\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_job_resolves_and_covers_its_groups() -> None:
    defs = build_defs()
    dg.Definitions.validate_loadable(defs)
    graph = defs.resolve_asset_graph()
    keys = {
        job: defs.resolve_job_def(job).asset_layer.executable_asset_keys
        for job in ("everything", "data_only", "train_and_evaluate_entity")
    }
    assert {key("shards"), key("latents")} <= keys["data_only"]
    assert keys["data_only"] < keys["everything"] <= set(graph.get_all_asset_keys())
    assert key("joint_model") in keys["everything"]
    assert key("entity_model") not in keys["everything"]
    assert key("entity_model") in keys["train_and_evaluate_entity"]
    assert key("raw") not in keys["train_and_evaluate_entity"]


def test_a_queued_run_of_the_launchpad_tells_what_it_is_of() -> None:
    """Else it would hold back the sensor of every other code location."""
    settings = GraphSettings(dataset="coco_panoptic", preset="sd15", root="/none")
    defs = build_defs({"settings": settings})
    for name in ("everything", "promote"):
        assert settings_tags(settings).items() <= defs.resolve_job_def(name).tags.items()


def test_automation_is_off_until_switched_on() -> None:
    defs = build_defs()
    repository = defs.get_repository_def()
    # those of alerts launch nothing
    assert {s.name for s in repository.sensor_defs if s.default_status.value == "RUNNING"} == ON
    assert {s.name for s in repository.sensor_defs} == ON | {
        "annotations",
        "retraining_on_new_data",
    }
    assert [s.default_status.value for s in repository.schedule_defs] == ["STOPPED"]


def test_settings_of_the_environment_reach_the_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNIGS_SET", "retraining.start=champion; retraining.steps=300;")
    policy = build_defs().resources["settings"].values.retraining
    assert (policy.start, policy.steps) == ("champion", 300)
    monkeypatch.setenv("UNIGS_SET", "retraining.begin=champion")
    with pytest.raises(ConfigError, match=r"retraining\.begin"):
        _ = build_defs().resources["settings"].values


def test_overridden_store_reaches_the_nested_resources(tmp_path) -> None:
    store = Store(root=str(tmp_path))
    defs = build_defs({"store": store})
    tracking = defs.resources["tracking"]
    assert tracking.store.base == tmp_path
