"""The assets of a run, for tests that materialise some of them in their own process."""

from collections.abc import Iterable, Mapping
from typing import Any

import dagster as dg

from assets_defs.support.keys import asset_key
from pipelines.build import build_defs
from resources.run_settings import GraphSettings


def whole_job(
    settings: GraphSettings, resources: Mapping[str, Any] | None = None
) -> dg.JobDefinition:
    """Return the job of all assets of the run of ``settings``."""
    defs = build_defs({"settings": settings, **(resources or {})})
    return defs.resolve_implicit_global_asset_job_def()


def keys(settings: GraphSettings, names: Iterable[str]) -> list[dg.AssetKey]:
    """Return the keys of assets of a run by what they are called in it."""
    return [asset_key(settings.run, name) for name in names]
