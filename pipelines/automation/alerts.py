"""Somebody is told when a run fails, and when a check of a finished run does: a refused model,
quarantined records. Each code location tells of its own runs.

One sensor looks for both, in place of one of Dagster's for each kind of end: a look costs mostly
what it costs to have one, and these look all day.
"""

import json
import time
from collections.abc import Callable
from typing import Any

import dagster as dg

from assets_defs.run.keys import asset_name
from assets_defs.run.partitions import settings_tags
from pipelines.automation.channels import LOG, Alert, send, without_secrets
from pipelines.automation.looks import instance_of, look_seconds
from pipelines.runner.follow import reason_of
from pipelines.runner.lost import end_records
from resources.run_settings import GraphSettings
from resources.store import Store

_WILL_RETRY_TAG = "dagster/will_retry"
# A look begins to tell of no run after these. Telling of one takes most of a minute where webhook,
# mail server and MLflow all hang, and Dagster drops a look, with its cursor, after a minute.
_LOOK_SECONDS = 5.0


def alerts_of(settings: GraphSettings, store: Store) -> dg.SensorDefinition:
    """Return the sensor that tells of the runs of a code location alone: where a store is served
    with other code locations tomorrow, each goes on where it was."""

    @dg.sensor(
        name="alerts",
        minimum_interval_seconds=look_seconds(30),
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=(
            "Tells by log, e-mail and webhook (UNIGS_ALERT_...) why a run failed, unless it is "
            "started again by itself, and which checks failed in a finished run; closes what a "
            "failed run left open in MLflow."
        ),
    )
    def alerts(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        instance, looked = instance_of(context), 0
        here = context.code_location_origin
        cursors: dict[str, str] = json.loads(context.cursor or "{}")
        faults: list[str] = []
        end = time.monotonic() + _LOOK_SECONDS
        for kind, tell in _TOLD.items():
            try:
                if kind.value not in cursors:
                    # what ended before the sensor was there is not told
                    cursors[kind.value] = instance.fetch_run_status_changes(kind, limit=1).cursor
                    continue
                while time.monotonic() < end:
                    found = instance.fetch_run_status_changes(
                        kind, limit=1, cursor=cursors[kind.value], ascending=True
                    )
                    run = found.records and instance.get_run_by_id(found.records[0].run_id)
                    cursors[kind.value] = found.cursor
                    if not found.records:
                        break
                    if run and is_of(run, settings, here):
                        looked += 1
                        try:
                            tell(context, store, run, found.records[0].event_log_entry)
                        except Exception as error:  # the others are told, and none twice
                            faults.append(f"run {run.run_id}: {type(error).__name__}: {error}")
            except Exception as error:  # of the records: the other kind is told, and none twice
                faults.append(f"{kind.value}: {type(error).__name__}: {error}")
        said = (
            f"looked at {looked} runs that ended" if looked else "no run ended since the last look"
        )
        for fault in map(without_secrets, faults):
            context.log.error(fault)
            said += f"; not told: {fault}"
        return dg.SensorResult(skip_reason=said, cursor=json.dumps(cursors))

    return alerts


def is_of(run: dg.DagsterRun, settings: GraphSettings, here: Any) -> bool:
    """Return whether a run is of these settings, by its tags. One of the launchpad that ended
    before its first asset has none: it is of the code location that it was launched in.

    Args:
        here: origin of the sensor's code location, None where it is called by hand.
    """
    tags = settings_tags(settings)
    if tags.keys() <= run.tags.keys():
        return tags.items() <= run.tags.items()
    job = run.remote_job_origin
    if job is None or here is None:
        return False
    place = job.repository_origin.code_location_origin
    return bool(place.location_name == here.location_name)


def tell_failure(
    context: dg.SensorEvaluationContext, store: Store, run: dg.DagsterRun, event: dg.EventLogEntry
) -> None:
    """Tell why a run failed, and end its records in MLflow."""
    try:
        end_records(store, run.run_id)
    except Exception as error:  # the alert must go out whatever MLflow says
        context.log.error(f"its records in MLflow stay open: {type(error).__name__}: {error}")
    if run.tags.get(_WILL_RETRY_TAG) == "true":
        context.log.info(f"run {run.run_id} failed and is started again by itself")
        return
    instance = instance_of(context)
    failed = instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
    steps = [record.event_log_entry.get_dagster_event() for record in failed.records]
    failures = [
        f"{(step.step_key or '').replace('__', '/')}: {reason_of(step.step_failure_data.error)}"
        for step in steps
    ]
    said = [*failures, *failed_checks(instance, run.run_id)]
    reason = "; ".join(said) or event.get_dagster_event().message or "it failed"
    _tell(context, store, run, "run_failed", f"{run.job_name} failed: {reason}")


def tell_checks(
    context: dg.SensorEvaluationContext, store: Store, run: dg.DagsterRun, event: dg.EventLogEntry
) -> None:
    """Tell which checks failed in a run that succeeded."""
    if checks := failed_checks(instance_of(context), run.run_id):
        _tell(context, store, run, "check_failed", f"{run.job_name}: {'; '.join(checks)}")


def failed_checks(instance: dg.DagsterInstance, run_id: str) -> list[str]:
    """Return a sentence for each asset check of a run that did not pass, as it was last."""
    records = instance.get_records_for_run(
        run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION
    ).records
    said: dict[str, str] = {}
    for record in records:
        event = record.event_log_entry.dagster_event
        assert event is not None
        check = event.asset_check_evaluation_data
        name = f"{asset_name(check.asset_key)}: {check.check_name}"
        said[name] = "" if check.passed else f"{name}: {check.description or 'the check failed'}"
    return [text for text in said.values() if text]


def _tell(
    context: dg.SensorEvaluationContext, store: Store, run: dg.DagsterRun, event: str, text: str
) -> None:
    alert = Alert(event, without_secrets(text), run.job_name, run.run_id, str(store.base))
    context.log.warning(alert.text)
    for fault in send(alert, store.folder("logs") / LOG):
        context.log.error(f"an alert is not delivered: {fault}")


_Tell = Callable[[dg.SensorEvaluationContext, Store, dg.DagsterRun, dg.EventLogEntry], None]
_TOLD: dict[dg.DagsterEventType, _Tell] = {
    dg.DagsterEventType.RUN_FAILURE: tell_failure,
    dg.DagsterEventType.RUN_SUCCESS: tell_checks,
}
