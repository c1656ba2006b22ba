"""Another data version of the shards trains again; identical data and damaged shards do not."""

from collections.abc import Iterator

import dagster as dg
import pytest

from assets_defs.manifest import SHARDS_ARE_WHOLE
from assets_defs.run.keys import asset_key, asset_name
from pipelines.automation.conditions import TARGET
from pipelines.build import build_defs


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def build(instance: dg.DagsterInstance, version: str, whole: bool = True) -> None:
    """As a run of the data: its check first, then the manifest."""
    key = asset_key("shapes-tiny", "shard_manifest")
    instance.report_runless_asset_event(
        dg.AssetCheckEvaluation(asset_key=key, check_name=SHARDS_ARE_WHOLE, passed=whole)
    )
    tags = {"dagster/data_version": version}
    instance.report_runless_asset_event(dg.AssetMaterialization(key, tags=tags))


def test_new_data_asks_for_the_model_and_all_that_it_is_compared_by_once(
    instance: dg.DagsterInstance,
) -> None:
    defs = build_defs()
    wanted = TARGET.resolve(defs.resolve_asset_graph())
    cursor = None

    def look() -> set[dg.AssetKey]:
        nonlocal cursor
        found = dg.evaluate_automation_conditions(defs, instance, cursor=cursor)
        cursor = found.cursor
        return {key for key in wanted if found.get_num_requested(key)}

    assert look() == set()
    build(instance, "a")
    names = {asset_name(key) for key in look()}
    assert {"joint_weights", "joint_model", "joint_gate", "evaluator/segmenter"} <= names
    assert len(names) == len(wanted)
    assert look() == set()
    # identical data
    build(instance, "a")
    assert look() == set()
    build(instance, "b", whole=False)
    assert look() == set()
    build(instance, "b")
    assert look() == set(wanted)
