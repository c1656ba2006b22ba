"""Runs whose processes are gone are listed as what they are, others are left alone."""

import errno
import fcntl
import json
import re
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from sqlalchemy.exc import OperationalError

from pipelines.automation.lost_runs import lost_runs_in
from pipelines.runner.lost import (
    end_lost_runs,
    end_workerless_runs,
    fault_of_records,
    said_space,
)
from resources.mlflow.tracking import Tracking
from resources.process.run_lock import FOLDER, has_worker, hold_run
from resources.store import Store

HOLD = """
import sys
from resources.process.run_lock import hold_run
hold_run(sys.argv[1])
hold_run(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


@dg.job
def work() -> None:
    pass


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(root=str(tmp_path))


@pytest.fixture
def instance(store: Store) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp(str(store.folder("dagster"))) as instance:
        yield instance


def run(instance: dg.DagsterInstance, status: dg.DagsterRunStatus, server: Path) -> str:
    tags = {".dagster/grpc_info": json.dumps({"host": "localhost", "socket": str(server)})}
    return instance.create_run_for_job(work, status=status, tags=tags).run_id


def test_a_run_without_processes_has_failed_or_was_cancelled(
    instance: dg.DagsterInstance, store: Store, tmp_path: Path
) -> None:
    gone = tmp_path / "gone"
    killed = run(instance, dg.DagsterRunStatus.STARTED, gone)
    cancelled = run(instance, dg.DagsterRunStatus.CANCELING, gone)
    done = run(instance, dg.DagsterRunStatus.SUCCESS, gone)
    assert set(end_lost_runs(instance, store)) == {killed, cancelled}
    statuses = [instance.get_run_by_id(one).status.value for one in (killed, cancelled, done)]
    assert statuses == ["FAILURE", "CANCELED", "SUCCESS"]
    # a daemon starts it again only where it was there
    assert instance.get_run_by_id(killed).tags["dagster/max_retries"] == "0"
    assert end_lost_runs(instance, store) == []


def test_a_run_whose_code_server_answers_is_left_alone(
    instance: dg.DagsterInstance, store: Store, tmp_path: Path
) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "server"))
        server.listen()
        run(instance, dg.DagsterRunStatus.STARTED, tmp_path / "server")
        assert end_lost_runs(instance, store) == []
    assert len(end_lost_runs(instance, store)) == 1


def test_a_run_whose_worker_lives_is_left_alone_until_it_is_killed(
    instance: dg.DagsterInstance,
    store: Store,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(store.dagster_home))
    run_id = run(instance, dg.DagsterRunStatus.STARTED, tmp_path / "gone")
    worker = subprocess.Popen(
        [sys.executable, "-c", HOLD, run_id], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert worker.stdout is not None
    worker.stdout.readline()
    assert has_worker(store.dagster_home, run_id)
    assert end_lost_runs(instance, store) == []
    worker.kill()
    worker.communicate()
    assert end_lost_runs(instance, store) == [run_id]
    assert list((store.dagster_home / FOLDER).iterdir()) == []


def test_a_look_at_the_lock_does_not_keep_a_worker_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process looks in the moment in which the worker takes it."""
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    (tmp_path / FOLDER).mkdir()
    look = (tmp_path / FOLDER / "r1").open("w")
    fcntl.flock(look, fcntl.LOCK_EX)
    threading.Timer(0.05, look.close).start()
    hold_run("r1")
    assert has_worker(tmp_path, "r1")


def test_its_open_records_in_mlflow_are_closed_and_those_of_others_are_not(
    instance: dg.DagsterInstance, store: Store, tmp_path: Path
) -> None:
    tracking = Tracking(store=store)
    lost = run(instance, dg.DagsterRunStatus.STARTED, tmp_path / "gone")
    records = [
        tracking.open_run("train", tags={"dagster.run_id": one}, parameters={})
        for one in (lost, "another")
    ]
    finished = tracking.open_run("evaluate", tags={"dagster.run_id": lost}, parameters={})
    tracking.end_run(finished, "FINISHED")
    end_lost_runs(instance, store)
    found = [tracking.client().get_run(one).info.status for one in (*records, finished)]
    assert found == ["KILLED", "RUNNING", "FINISHED"]


def test_errors_of_records_are_told_from_others(tmp_path: Path) -> None:
    broken = OperationalError("SELECT", {}, sqlite3.OperationalError("disk I/O error"))
    wrapped = RuntimeError("storage")
    wrapped.__cause__ = broken
    assert fault_of_records(wrapped, tmp_path) == "disk I/O error"
    missing = FileNotFoundError(errno.ENOENT, "no such file", str(tmp_path / "runs.db"))
    assert "runs.db" in fault_of_records(missing, tmp_path)
    full = OSError(errno.ENOSPC, "no space left on device", "/elsewhere")
    assert "no space left" in fault_of_records(full, tmp_path)
    assert fault_of_records(missing, tmp_path / "gone").startswith("[Errno")
    other = tmp_path / "other"
    other.mkdir()
    for own in (KeyError("a fault of the program"), missing, BrokenPipeError(errno.EPIPE, "pipe")):
        assert fault_of_records(own, other) == ""


def test_space_is_told_and_a_folder_that_is_gone(tmp_path: Path) -> None:
    assert re.fullmatch(r"[\d.]+ MB are free there", said_space(tmp_path))
    assert said_space(tmp_path / "gone") == "the folder is not there"


def test_runs_that_a_cluster_started_are_left_to_their_launcher(
    instance: dg.DagsterInstance, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(instance, dg.DagsterRunStatus.STARTED, tmp_path / "gone")
    with monkeypatch.context() as patch:
        patch.setattr(type(instance), "run_launcher", property(lambda self: object()))
        assert end_lost_runs(instance, store) == []
    assert len(end_lost_runs(instance, store)) == 1


def test_a_code_server_that_was_started_again_ends_what_the_one_before_it_worked_on(
    instance: dg.DagsterInstance,
    store: Store,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It answers at the same address; only the lock tells."""
    monkeypatch.setenv("DAGSTER_HOME", str(store.dagster_home))
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "server"))
        server.listen()
        lost, works, waits = (
            run(instance, status, tmp_path / "server")
            for status in (dg.DagsterRunStatus.STARTED,) * 2 + (dg.DagsterRunStatus.NOT_STARTED,)
        )
        hold_run(works)
        # its worker keeps its lock in another home, or has none yet
        assert end_workerless_runs(instance, store, 300.0) == []
        (store.dagster_home / FOLDER / lost).touch()
        # a look from outside keeps what tells of it
        assert end_lost_runs(instance, store) == []
        # a run that has only just begun has no lock yet
        records = type(instance).get_run_records

        def begun(self: dg.DagsterInstance, wanted: dg.RunsFilter) -> list[Any]:
            return [one._replace(start_time=time.time()) for one in records(self, wanted)]

        with monkeypatch.context() as patch:
            patch.setattr(type(instance), "get_run_records", begun)
            assert end_workerless_runs(instance, store, 300.0) == []
        ended = type(instance).get_run_by_id

        def finished(self: dg.DagsterInstance, run_id: str) -> dg.DagsterRun | None:
            return ended(self, run_id).with_status(dg.DagsterRunStatus.SUCCESS)

        with monkeypatch.context() as patch:
            patch.setattr(type(instance), "get_run_by_id", finished)
            assert end_workerless_runs(instance, store, 300.0) == []
        assert end_workerless_runs(instance, store, 300.0) == [lost]
        statuses = [instance.get_run_by_id(one).status.value for one in (lost, works, waits)]
        assert statuses == ["FAILURE", "STARTED", "NOT_STARTED"]
        # the daemon is there, and may start it again
        assert "dagster/max_retries" not in instance.get_run_by_id(lost).tags
        said = lost_runs_in(store)(dg.build_sensor_context(instance))
        assert said.skip_message == "every run has its worker"


def test_a_home_that_is_not_ours_to_write_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))

    def refuse(error: int) -> None:
        def mkdir(self: Path, *given: object, **options: object) -> None:
            raise OSError(error, "refused", str(self))

        monkeypatch.setattr(Path, "mkdir", mkdir)

    for error in (errno.EACCES, errno.EROFS):
        refuse(error)
        hold_run("r2")
    refuse(errno.ENOSPC)
    with pytest.raises(OSError, match="refused"):
        hold_run("r2")


def test_a_lock_that_a_sweep_removed_is_taken_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    flock, swept = fcntl.flock, []

    def late(lock: Any, how: int) -> None:
        if not swept:
            swept.append((tmp_path / FOLDER / "r3").unlink())
        flock(lock, how)

    monkeypatch.setattr(fcntl, "flock", late)
    hold_run("r3")
    monkeypatch.undo()
    assert has_worker(tmp_path, "r3")
