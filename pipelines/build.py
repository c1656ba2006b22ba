"""Everything the code location offers, with its resources."""

import os
from collections.abc import Mapping
from typing import Any

import dagster as dg

from assets_defs.catalog import ASSETS
from pipelines.automation.schedules import weekly_retraining
from pipelines.automation.sensors import annotations
from pipelines.jobs import JOBS
from resources.mlflow.tracking import Tracking
from resources.process.launcher import ProcessLauncher
from resources.run_settings import GraphSettings
from resources.store import Store


def build_resources(overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Return the resources, ``overrides`` in place of those of the same name.

    ``UNIGS_PRESET``, ``UNIGS_DATASET`` and ``UNIGS_ROOT`` set what the UI, the sensor and the
    schedule run on, ``UNIGS_STORE`` where.
    """
    store = overrides.get("store", Store.configure_at_launch())
    return {
        "store": store,
        "settings": GraphSettings(
            preset=os.environ.get("UNIGS_PRESET", "tiny"),
            dataset=os.environ.get("UNIGS_DATASET", "shapes"),
            root=os.environ.get("UNIGS_ROOT", ""),
        ),
        "tracking": Tracking(store=store),
        "launcher": ProcessLauncher(),
        **overrides,
    }


def build_defs(resource_overrides: Mapping[str, Any] | None = None) -> dg.Definitions:
    """Return the definitions; ``resource_overrides`` replaces resources by name."""
    return dg.Definitions(
        assets=ASSETS,
        jobs=JOBS,
        sensors=[annotations],
        schedules=[weekly_retraining],
        resources=build_resources(resource_overrides or {}),
        executor=dg.in_process_executor,
    )
