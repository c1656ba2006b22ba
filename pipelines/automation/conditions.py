"""Training again when the shards have another data version, whoever built them.

The sensor ``annotations`` launches the whole graph for files that arrive, training included. This
is for who builds data by hand, with the job ``data_only`` say. Identical data does nothing, a
damaged shard does nothing, and nothing is asked for beside a run that is at work on it.
"""

from collections.abc import Iterable
from typing import Any

import dagster as dg

from assets_defs.manifest import shard_manifest
from assets_defs.models import JOINT
from assets_defs.run.keys import asset_key

# As the job that trains and evaluates it: what is compared with follows from the data too.
_GROUPS = ("evaluators", "reference", f"model_{JOINT}")
TARGET = dg.AssetSelection.groups(*_GROUPS)

_AT_REST = ~dg.AutomationCondition.in_progress() & ~dg.AutomationCondition.any_deps_in_progress()
_WHOLE = dg.AutomationCondition.all_checks_match(
    dg.AutomationCondition.check_passed(), blocking_only=True
)

retraining_on_new_data = dg.AutomationConditionSensorDefinition(
    name="retraining_on_new_data",
    target=TARGET,
    default_status=dg.DefaultSensorStatus.STOPPED,
    minimum_interval_seconds=60,
    description=(
        "Trains, evaluates and gates the joint model when the data version of shard_manifest "
        "changes, whoever built the data. Not beside the sensor annotations, which does so itself."
    ),
)


def on_new_data(manifest: dg.AssetKey) -> dg.AutomationCondition[Any]:
    """Return the condition: the asset `manifest` has another data version since the asset was made
    or asked for, its blocking checks passed, and nothing is at work."""
    changed = dg.AutomationCondition.asset_matches(
        manifest, dg.AutomationCondition.data_version_changed()
    ).since(dg.AutomationCondition.newly_requested() | dg.AutomationCondition.newly_updated())
    whole = dg.AutomationCondition.asset_matches(manifest, _WHOLE)
    return (changed & _AT_REST & whole).with_label("the shards have another data version")


def automated(assets: Iterable[Any], run: str) -> list[Any]:
    """Give the assets of `TARGET` their condition; others stay as they are.

    Args:
        assets: of the run.
        run: ``shapes-tiny``.
    """
    condition = on_new_data(asset_key(run, shard_manifest.key.to_user_string()))

    def conditioned(spec: dg.AssetSpec) -> dg.AssetSpec:
        if spec.group_name not in _GROUPS:
            return spec
        return spec.replace_attributes(automation_condition=condition)

    return list(dg.map_asset_specs(conditioned, assets))
