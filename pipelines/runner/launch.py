"""Launch a job of a run's code location on the persistent instance, as the UI does.

The one file that imports from Dagster's private modules, tried with the version in ``DAGSTER``.
What Dagster offers publicly for this (``dagster job launch``, the GraphQL client and its mutations)
puts a run into the instance's queue, which only a running daemon empties; ``dagster job execute``
leaves the job's origin out, without which the UI cannot re-execute the run. Here a run starts
without a daemon, is listed in the UI like any other, and its code server ends with the caller.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import dagster as dg

from unigs.errors import ConfigError

DAGSTER = "1.13.27"

try:
    from dagster._core.definitions.selector import JobSubsetSelector
    from dagster._core.execution.plan.resume_retry import ReexecutionStrategy
    from dagster._core.workspace.context import BaseWorkspaceRequestContext, WorkspaceProcessContext
    from dagster._core.workspace.load_target import ModuleTarget
except ImportError as error:
    raise ConfigError(
        f"runs cannot be launched with dagster {dg.__version__}: {error}",
        hint=f"install dagster=={DAGSTER}",
    ) from error

LOCATIONS = "pipelines.locations"
REPOSITORY_NAME = "__repository__"
BROKEN_OFF = (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)


@contextmanager
def open_workspace(
    instance: dg.DagsterInstance, run: str, location: str
) -> Iterator[BaseWorkspaceRequestContext]:
    """Start the code server of a run, ``shapes-tiny``, under the name of a code location; it ends
    with the block."""
    with WorkspaceProcessContext(
        instance,
        ModuleTarget(LOCATIONS, run, None, location),
        code_server_log_level="ERROR",
    ) as process:
        context = process.create_request_context()
        if not context.has_code_location(location):
            error = context.get_code_location_error(location)
            raise ConfigError(f"the code location does not load: {error and error.message}")
        yield context


def launch(
    instance: dg.DagsterInstance,
    workspace: BaseWorkspaceRequestContext,
    location_name: str,
    job_name: str,
    run_config: Mapping[str, Any],
    tags: Mapping[str, str],
) -> str:
    """Create and start a run; the run id. It goes past the queue, which needs a daemon."""
    location = workspace.get_code_location(location_name)
    job = location.get_job(JobSubsetSelector(location_name, REPOSITORY_NAME, job_name, None))
    plan = location.get_execution_plan(
        job, run_config, step_keys_to_execute=None, known_state=None, instance=instance
    ).execution_plan_snapshot
    run = instance.create_run(
        job_name=job.name,
        run_id=None,
        run_config=run_config,
        status=None,
        tags={**job.tags, **tags},
        root_run_id=None,
        parent_run_id=None,
        step_keys_to_execute=plan.step_keys_to_execute,
        execution_plan_snapshot=plan,
        job_snapshot=job.job_snapshot,
        parent_job_snapshot=job.parent_job_snapshot,
        asset_selection=None,
        asset_check_selection=None,
        resolved_op_selection=job.resolved_op_selection,
        op_selection=None,
        remote_job_origin=job.get_remote_origin(),
        job_code_origin=job.get_python_origin(),
        asset_graph=location.get_repository(REPOSITORY_NAME).asset_graph,
    )
    try:
        instance.launch_run(run.run_id, workspace)
    except BaseException:
        # Never launched, it would look like a run in progress to the sensor.
        if (found := instance.get_run_by_id(run.run_id)) is not None and not found.is_finished:
            instance.report_run_failed(found, "It was not launched.")
        raise
    return run.run_id


def broken_off(instance: dg.DagsterInstance, job_name: str) -> dg.DagsterRun:
    """Return the last run of a job; ConfigError when it did not break off."""
    runs = instance.get_runs(dg.RunsFilter(job_name=job_name), limit=1)
    if not runs or runs[0].status not in BROKEN_OFF:
        raise ConfigError(
            f"the last run of {job_name} did not fail", hint="leave --from-failure out"
        )
    return runs[0]


def relaunch_from_failure(
    instance: dg.DagsterInstance,
    workspace: BaseWorkspaceRequestContext,
    location_name: str,
    parent: dg.DagsterRun,
    store_root: str,
) -> str:
    """Re-execute a run from the steps that failed or never ran; the new run id.

    It runs in the store at ``store_root``, since the store may have moved after that run.
    """
    location = workspace.get_code_location(location_name)
    job = location.get_job(JobSubsetSelector(location_name, REPOSITORY_NAME, parent.job_name, None))
    run = instance.create_reexecuted_run(
        parent_run=parent,
        request_context=workspace,
        code_location=location,
        remote_job=job,
        strategy=ReexecutionStrategy.FROM_FAILURE,
        run_config=in_store(parent.run_config, store_root),
        use_parent_run_tags=True,
    )
    instance.launch_run(run.run_id, workspace)
    return run.run_id


def in_store(run_config: Mapping[str, Any], root: str) -> dict[str, Any]:
    """``run_config`` with another root of its store."""
    resources = dict(run_config.get("resources", {}))
    store = {**resources.get("store", {}).get("config", {}), "root": root}
    return {**run_config, "resources": {**resources, "store": {"config": store}}}
