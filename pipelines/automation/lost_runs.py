"""Runs whose worker died with its code server are ended: the queue would wait for them."""

import dagster as dg

from pipelines.automation.looks import instance_of, look_seconds
from pipelines.runner.lost import end_workerless_runs
from resources.store import Store

# Longer than a worker takes from the start of its run to its first asset on a busy machine.
_SETTLED_SECONDS = 300.0


def lost_runs_in(store: Store) -> dg.SensorDefinition:
    """Return the sensor that ends the lost runs of a store."""

    @dg.sensor(
        name="lost_runs",
        minimum_interval_seconds=look_seconds(60),
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=(
            "Lists runs as failed whose worker is gone, with the container or machine that it was "
            "in. Dagster then starts them again from the step they were at."
        ),
    )
    def lost_runs(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        ended = end_workerless_runs(instance_of(context), store, _SETTLED_SECONDS)
        said = ", ".join(run_id[:8] for run_id in ended)
        return dg.SkipReason(f"listed as failed: {said}" if said else "every run has its worker")

    return lost_runs
