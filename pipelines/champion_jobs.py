"""The jobs ``promote`` and ``rollback``: what the commands of these names do, for the launchpad."""

import dagster as dg
from pydantic import Field

from assets_defs.models import JOINT, registered_name
from assets_defs.run.partitions import settings_tags
from pipelines.champion import change_champion
from resources.mlflow.connection.access import clear_errors
from resources.mlflow.tracking import Tracking
from resources.process.run_lock import hold_run
from resources.run_settings import GraphSettings


class Rollback(dg.Config):
    """Which model, and why."""

    model: str = Field(
        default="", description="registered name; empty: the joint model of the run's settings"
    )
    reason: str = Field(default="", description="noted in the history of champions")


class Promotion(Rollback):
    """Which version becomes the champion, and why."""

    version: str = Field(description="number of the registered version, e.g. 3")


@dg.op(out=dg.Out(dg.Nothing))
def promote_version(
    context: dg.OpExecutionContext,
    config: Promotion,
    tracking: Tracking,
    settings: GraphSettings,
) -> None:
    """Make a version the champion, whatever the gate says."""
    _change(context, config, config.version, tracking, settings)


@dg.op(out=dg.Out(dg.Nothing))
def roll_back(
    context: dg.OpExecutionContext,
    config: Rollback,
    tracking: Tracking,
    settings: GraphSettings,
) -> None:
    """Make the champion before this one the champion again."""
    _change(context, config, "", tracking, settings)


def _change(
    context: dg.OpExecutionContext,
    config: Rollback,
    version: str,
    tracking: Tracking,
    settings: GraphSettings,
) -> None:
    hold_run(context.run.run_id)
    name = config.model or registered_name(settings, JOINT)
    reason = config.reason or f"by hand, in Dagster's run {context.run.run_id}"
    with clear_errors():
        before, reign = change_champion(tracking, name, version, reason)
    was = before or "none"
    context.log.info(f"{name}: version {reign.version} is the champion (before: {was})")


@dg.graph
def promote() -> None:
    """Make a registered version the champion; who, when and why is noted in MLflow."""
    promote_version()


@dg.graph
def rollback() -> None:
    """Go back to the champion before this one; who, when and why is noted in MLflow."""
    roll_back()


def champion_jobs_of(settings: GraphSettings) -> list[dg.JobDefinition]:
    """Return the jobs, whose runs are found by data set and preset as all others are."""
    tags = settings_tags(settings)
    executor = dg.in_process_executor
    return [graph.to_job(tags=tags, executor_def=executor) for graph in (promote, rollback)]
