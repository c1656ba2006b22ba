"""Runs whose processes are gone: Dagster and MLflow go on to list them as running.

Dagster's daemon sees to them only while the code server that started them lives. After a power cut,
a container that was removed or a ``kill -9`` of the whole family nobody does, until the next
``unigs run`` or ``python -m pipelines.ui`` of the store, or the sensor ``lost_runs`` of a code
server that was started again.
"""

import errno
import json
import shutil
import socket
import time
from collections.abc import Mapping
from pathlib import Path

import dagster as dg

from resources.mlflow.connection.access import one_try, taken_later
from resources.mlflow.tracking import Tracking
from resources.process.run_lock import had_worker, has_worker, sweep
from resources.store import Store

# How the launcher notes the code server that a run was started by.
_SERVER_TAG = ".dagster/grpc_info"
_SECONDS = 2.0
# Errors of a disk that is full, broken, read-only or gone, whatever file they met.
_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.ESTALE}
_UNFINISHED = [
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def end_lost_runs(instance: dg.DagsterInstance, store: Store) -> list[str]:
    """Mark runs without a process as failed, or as cancelled where that was asked for, in Dagster
    and in MLflow; return their ids.

    Only of runs that this machine started: a launcher of a cluster asks after its runs itself.
    """
    if not isinstance(instance.run_launcher, dg.DefaultRunLauncher):
        return []
    unfinished = instance.get_runs(dg.RunsFilter(statuses=_UNFINISHED))
    lost = [
        run
        for run in unfinished
        if not has_worker(store.dagster_home, run.run_id) and not _has_server(run.tags)
    ]
    for run in lost:
        if run.status is dg.DagsterRunStatus.CANCELING:
            instance.report_run_canceled(run, "The run's processes are gone.")
        else:
            # A daemon would start it again, beside what whoever notices it starts now.
            instance.add_run_tags(run.run_id, {"dagster/max_retries": "0"})
            instance.report_run_failed(run, "The run's processes are gone: it was killed.")
        end_records(store, run.run_id)
    sweep(store.dagster_home, {run.run_id for run in unfinished} - {run.run_id for run in lost})
    return [run.run_id for run in lost]


def end_workerless_runs(
    instance: dg.DagsterInstance, store: Store, settled_seconds: float
) -> list[str]:
    """Mark runs as failed that began ``settled_seconds`` ago or earlier and whose worker is gone,
    whether or not a code server answers where they were started; return their ids.

    A code server that was started again answers at the address of the one before it. A worker
    holds its lock from its first asset on; a run without a lock in this store's home, which has
    another DAGSTER_HOME, is left alone. A daemon may start them again from where they were.
    """
    if not isinstance(instance.run_launcher, dg.DefaultRunLauncher):
        return []
    before = time.time() - settled_seconds
    wanted = dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])
    quiet = [
        record.dagster_run.run_id
        for record in instance.get_run_records(wanted)
        if (record.start_time or before) <= before
        and had_worker(store.dagster_home, record.dagster_run.run_id)
    ]
    lost = []
    for run_id in quiet:
        run = instance.get_run_by_id(run_id)
        # the worker may have been about to end well
        if run is not None and run.status is dg.DagsterRunStatus.STARTED:
            instance.report_run_failed(run, "The run's processes are gone: its worker was killed.")
            end_records(store, run_id)
            lost.append(run_id)
    return lost


def end_records(store: Store, run_id: str) -> None:
    """End the MLflow runs that a Dagster run which has ended left open, if MLflow answers at once:
    whoever waits for this has a run to report."""
    tracking = Tracking(store=store)
    if not tracking.has_records():
        return
    try:
        with one_try():
            tracking.end_runs_of(run_id)
    except Exception as error:
        if not taken_later(error):
            raise


def said_space(folder: Path) -> str:
    """Return how much space there is around a folder, or that it is gone, in a few words."""
    try:
        return f"{shutil.disk_usage(folder).free / 1e6:.1f} MB are free there"
    except OSError:
        return "the folder is not there"


def fault_of_records(error: BaseException | None, home: Path) -> str:
    """Return what is wrong with the records of runs below ``home``, their database or its disk,
    when an error comes from there; "" for another error."""
    from sqlalchemy.exc import SQLAlchemyError

    while error is not None:
        if isinstance(error, SQLAlchemyError):
            # without the statement
            return str(getattr(error, "orig", None) or error)
        if isinstance(error, OSError):
            place = Path(error.filename) if isinstance(error.filename, str) else None
            below = place is not None and place.is_relative_to(home)
            if below or error.errno in _DISK or not home.is_dir():
                return str(error)
        error = error.__cause__ or error.__context__
    return ""


def _has_server(tags: Mapping[str, str]) -> bool:
    """Return whether the code server answers that started a run."""
    try:
        server = json.loads(tags[_SERVER_TAG])
        path, address = server.get("socket"), (server.get("host"), server.get("port"))
        kind = socket.AF_UNIX if path else socket.AF_INET
        if path and not Path(path).exists():
            return False
        with socket.socket(kind, socket.SOCK_STREAM) as probe:
            probe.settimeout(_SECONDS)
            probe.connect(path or address)
    except (KeyError, ValueError, OSError):
        return False
    return True
