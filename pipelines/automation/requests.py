"""What a sensor or a schedule asks for: a job on the data set of the code location's settings."""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from assets_defs.run.partitions import SPLITS, run_tags
from pipelines.jobs import EVERYTHING
from resources.run_settings import GraphSettings
from resources.store import Store, default_store


def request_run(
    store: Store,
    settings: GraphSettings,
    run_key: str,
    splits: Sequence[str] = SPLITS,
    reason: str = "",
    tags: Mapping[str, str] | None = None,
) -> dg.RunRequest:
    """Return the job of everything, over the shards of ``splits``."""
    return dg.RunRequest(
        run_key=run_key,
        job_name=EVERYTHING,
        run_config=run_config(store, settings),
        tags={**run_tags(settings, splits), "unigs/reason": reason, **(tags or {})},
    )


def run_config(store: Store, settings: GraphSettings) -> dict[str, Any]:
    """Return run configuration that repeats ``settings`` and ``store``, to the letter.

    The store that the process works in anyway is not named, so that a run of a store that is moved
    later can be executed again in its new place.
    """
    root = "" if store.base == default_store() else str(store.base)
    return {
        "resources": {
            "settings": {
                "config": {
                    "preset": settings.preset,
                    "dataset": settings.dataset,
                    "root": settings.root,
                    "train_steps": settings.train_steps,
                    "overrides": settings.overrides,
                    "workers": settings.workers,
                }
            },
            "store": {"config": {"root": root, "bucket": store.remote}},
        }
    }
