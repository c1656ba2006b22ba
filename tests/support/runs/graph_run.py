"""``python -m tests.support.runs.graph_run``: materialise some assets in a process of their own,
which a test can interrupt; the last line of stdout is their metadata as JSON.

With ``UNIGS_TEST_RECORDED`` set the run is kept by the instance of ``DAGSTER_HOME``.
"""

import json
import os
import sys
import warnings

import dagster as dg

from assets_defs.run.keys import asset_name
from assets_defs.run.partitions import range_tags
from pipelines.automation.requests import run_config
from resources.run_settings import GraphSettings
from resources.store import Store
from tests.support.runs.run_assets import keys, whole_job

warnings.filterwarnings("ignore", module="dagster")


def main(store: str, settings: str, tasks: str, *assets: str) -> int:
    """Run on the partitions of ``tasks``, which stand in a row; the exit code. The error of a
    failed step is on the last line of stderr."""
    chosen = GraphSettings(**json.loads(settings))
    job = whole_job(chosen)
    recorded = os.environ.get("UNIGS_TEST_RECORDED")
    with dg.DagsterInstance.get() if recorded else dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(
            run_config=run_config(Store(root=store), chosen),
            tags=range_tags(chosen.dataset, tasks=tasks.split(",")),
            asset_selection=keys(chosen, assets),
            instance=instance,
            raise_on_error=False,
        )
    found = {
        asset_name(event.asset_key): {
            key: value.value
            for key, value in event.materialization.metadata.items()
            if isinstance(value.value, str | int | float | bool)
        }
        for event in result.all_events
        if event.is_step_materialization and event.asset_key
    }
    for event in result.all_events:
        if event.event_type is dg.DagsterEventType.STEP_FAILURE:
            error = event.step_failure_data.error
            while error.cause and (error.cls_name or "").startswith("Dagster"):
                error = error.cause
            print(" ".join(error.message.split()), file=sys.stderr)
    print(json.dumps(found))
    return 0 if result.success else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
