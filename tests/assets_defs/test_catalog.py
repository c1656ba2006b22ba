"""Every asset says in the UI what it is, whose and of which group; jobs and settings do too."""

import re

import dagster as dg
import pytest

from assets_defs.catalog import ASSETS
from assets_defs.models import JOINT, MODELS
from assets_defs.run.keys import asset_name
from pipelines.build import build_defs
from pipelines.jobs import jobs_of
from resources.mlflow.tracking import Tracking
from resources.process.launcher import ProcessLauncher
from resources.ray_cluster.launcher import RayLauncher
from resources.run_settings import GraphSettings
from resources.store import Store

# The others are written out.
WITH_ICONS = {"json", "matplotlib", "mlflow", "parquet", "pytorch"}
MARKUP = re.compile(r"``|:\w+:`")


@pytest.fixture(scope="module")
def nodes() -> dict[dg.AssetKey, dg.AssetSpec]:
    specs = build_defs().resolve_all_asset_specs()
    return {spec.key: spec for spec in specs}


def test_every_asset_has_kinds_an_owner_a_group_and_a_description(
    nodes: dict[dg.AssetKey, dg.AssetSpec],
) -> None:
    assert len(nodes) > 40
    for key, spec in nodes.items():
        said = f"{key.to_user_string()}: {spec}"
        # what is longer takes the room of the name in the list of assets
        assert 1 <= len(spec.kinds) <= 2, said
        assert len(spec.kinds - WITH_ICONS) <= 1, said
        assert spec.owners, said
        assert spec.group_name not in (None, "default"), said
        assert spec.description, said
        assert not MARKUP.search(spec.description), said


def test_the_gate_that_the_weekly_retraining_decides_about_has_a_freshness_policy(
    nodes: dict[dg.AssetKey, dg.AssetSpec],
) -> None:
    watched = [asset_name(key) for key, spec in nodes.items() if spec.freshness_policy]
    assert watched == [f"{JOINT}_gate"]


def test_every_key_begins_with_the_run(nodes: dict[dg.AssetKey, dg.AssetSpec]) -> None:
    assert {key.path[0] for key in nodes} == {"shapes-tiny"}
    assert {
        path[0] for spec in nodes.values() for path in [*(d.asset_key.path for d in spec.deps)]
    } == {"shapes-tiny"}


def test_every_asset_takes_the_settings() -> None:
    """They are compared with the run that its key begins with."""
    assert all("settings" in asset.required_resource_keys for asset in ASSETS)


def test_the_last_part_of_a_key_is_one_assets_alone(
    nodes: dict[dg.AssetKey, dg.AssetSpec],
) -> None:
    """It is all that a node of the graph shows."""
    shown = [key.path[-1] for key in nodes]
    assert len(set(shown)) == len(shown)
    of_joint = {spec.key.path[-1] for spec in nodes.values() if spec.group_name == f"model_{JOINT}"}
    kinds = ("weights", "model", "report", "gate")
    evaluations = (f"evaluation_{task}" for task in MODELS[JOINT])
    assert of_joint == {f"{JOINT}_{kind}" for kind in (*kinds, *evaluations)}


def test_every_job_has_a_description() -> None:
    assert all(job.description for job in jobs_of(GraphSettings()))


@pytest.mark.parametrize("resource", [GraphSettings, Store, Tracking, ProcessLauncher, RayLauncher])
def test_every_field_of_the_launchpad_has_a_description(
    resource: type[dg.ConfigurableResource],
) -> None:
    fields = {name: field for name, field in resource.model_fields.items() if name != "store"}
    assert fields
    assert [name for name, field in fields.items() if not field.description] == []
    assert not [name for name, field in fields.items() if field.is_required()]
    # the launchpad shows the class's docstring as it is written
    assert resource.__doc__
    assert not MARKUP.search(resource.__doc__)
