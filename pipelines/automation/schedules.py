"""The weekly retraining: a backstop for changes that no sensor saw."""

import dagster as dg

from pipelines.automation.requests import request_run
from pipelines.jobs import EVERYTHING
from resources.run_settings import GraphSettings
from resources.store import Store


@dg.schedule(
    name="weekly_retraining",
    job_name=EVERYTHING,
    cron_schedule="0 3 * * 1",
    default_status=dg.DefaultScheduleStatus.STOPPED,
    description="Mondays at 3:00: the whole graph; what has not changed is reused.",
)
def weekly_retraining(
    context: dg.ScheduleEvaluationContext, store: Store, settings: GraphSettings
) -> dg.RunRequest:
    """One run over both splits, once per scheduled time."""
    when = context.scheduled_execution_time.isoformat()
    return request_run(store, settings, run_key=f"weekly-{when}", reason="weekly retraining")
