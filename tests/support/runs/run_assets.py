"""The assets of a run, for tests that materialise some of them in their own process."""

from collections.abc import Iterable, Mapping
from typing import Any

import dagster as dg

from assets_defs.run.keys import asset_key
from assets_defs.run.partitions import run_tags
from pipelines.automation.requests import run_config
from pipelines.build import build_defs
from resources.run_settings import GraphSettings
from resources.store import Store


def whole_job(
    settings: GraphSettings, resources: Mapping[str, Any] | None = None
) -> dg.JobDefinition:
    """Return the job of all assets of the run of ``settings``."""
    defs = build_defs({"settings": settings, **(resources or {})})
    return defs.resolve_implicit_global_asset_job_def()


def keys(settings: GraphSettings, names: Iterable[str]) -> list[dg.AssetKey]:
    """Return the keys of assets of a run by what they are called in it."""
    return [asset_key(settings.run, name) for name in names]


def materialise(
    store: Store,
    settings: GraphSettings,
    names: Iterable[str],
    *,
    tags: Mapping[str, str] | None = None,
    resources: Mapping[str, Any] | None = None,
    may_fail: bool = False,
) -> dg.ExecuteInProcessResult:
    """Materialise assets of a run by their names, with records that end with it; ``tags`` in place
    of those of a run of ``unigs run``."""
    with dg.DagsterInstance.ephemeral() as instance:
        return whole_job(settings, resources).execute_in_process(
            run_config=run_config(store, settings),
            tags=run_tags(settings) if tags is None else tags,
            asset_selection=keys(settings, names),
            instance=instance,
            raise_on_error=not may_fail,
        )
