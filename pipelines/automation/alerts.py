"""Somebody is told when a run fails, and when a check of a finished run does: a refused model,
quarantined records. Each code location tells of its own runs: where its sensors have got to is
noted with its name."""

import dagster as dg

from assets_defs.run.keys import asset_name
from pipelines.automation.channels import LOG, Alert, send, without_secrets
from pipelines.automation.intervals import look_seconds
from pipelines.runner.follow import reason_of
from pipelines.runner.lost import end_records
from resources.store import Store

_WILL_RETRY_TAG = "dagster/will_retry"
_EVERY_SECONDS = look_seconds(30)


@dg.run_failure_sensor(
    name="alert_of_failures",
    minimum_interval_seconds=_EVERY_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description=(
        "Tells by log, e-mail and webhook (UNIGS_ALERT_...) why a run failed, unless it is started "
        "again by itself; closes what it left open in MLflow."
    ),
)
def alert_of_failures(context: dg.RunFailureSensorContext, store: Store) -> None:
    run = context.dagster_run
    try:
        end_records(store, run.run_id)
    except Exception as error:  # the alert must go out whatever MLflow says
        context.log.error(f"its records in MLflow stay open: {type(error).__name__}: {error}")
    if run.tags.get(_WILL_RETRY_TAG) == "true":
        context.log.info(f"run {run.run_id} failed and is started again by itself")
        return
    failures = [
        f"{(event.step_key or '').replace('__', '/')}: {reason_of(event.step_failure_data.error)}"
        for event in context.get_step_failure_events()
    ]
    checks = failed_checks(context.instance, run.run_id)
    reason = "; ".join([*failures, *checks]) or context.failure_event.message or "it failed"
    _tell(context, store, "run_failed", f"{run.job_name} failed: {reason}")


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.SUCCESS,
    name="alert_of_checks",
    minimum_interval_seconds=_EVERY_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Tells by the same ways of checks that failed in a finished run.",
)
def alert_of_checks(context: dg.RunStatusSensorContext, store: Store) -> None:
    checks = failed_checks(context.instance, context.dagster_run.run_id)
    if checks:
        text = f"{context.dagster_run.job_name}: {'; '.join(checks)}"
        _tell(context, store, "check_failed", text)


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


def _tell(context: dg.RunStatusSensorContext, store: Store, event: str, text: str) -> None:
    run = context.dagster_run
    alert = Alert(event, without_secrets(text), run.job_name, run.run_id, str(store.base))
    context.log.warning(alert.text)
    for fault in send(alert, store.folder("logs") / LOG):
        context.log.error(f"an alert is not delivered: {fault}")
