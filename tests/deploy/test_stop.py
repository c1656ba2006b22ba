"""A code server that is stopped as its container is: the signal reaches its runs, which end and say
so, and the server ends after them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import dagster as dg
import pytest

from tests.support.servers.compose import services
from tests.support.servers.ports import free_port
from tests.support.servers.postgres import wait_for

pytestmark = pytest.mark.slow

LOCATION = """
import time
from pathlib import Path
import dagster as dg

@dg.op
def wait():
    Path({begun!r}).touch()
    for _ in range(3000):
        time.sleep(0.1)

@dg.job(executor_def=dg.in_process_executor)
def long():
    wait()
"""
HOME = """
telemetry: {enabled: false}
run_coordinator: {module: dagster.core.run_coordinator, class: DefaultRunCoordinator}
"""
WORKSPACE = """
load_from:
  - grpc_server: {{host: 127.0.0.1, port: {port}, location_name: unigs}}
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[subprocess.Popen]:
    """The command of the service 'code' over a location of one long run, which is at work."""
    command, port = [*services()["code"]["command"]], free_port()
    command[command.index("--host") + 1] = "127.0.0.1"
    command[command.index("--port") + 1] = str(port)
    module = command.index("--module-name")
    command[module : module + 2] = ["--python-file", str(tmp_path / "location.py")]
    (tmp_path / "location.py").write_text(LOCATION.format(begun=str(tmp_path / "begun")))
    (tmp_path / "workspace.yaml").write_text(WORKSPACE.format(port=port))
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "dagster.yaml").write_text(HOME)
    environment = {**os.environ, "DAGSTER_HOME": str(tmp_path / "home")}
    dagster = str(Path(sys.executable).with_name("dagster"))
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [dagster, *command[1:]],
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
            # as in a container: Dagster takes SIGTERM for SIGINT, which a job of a shell may ignore
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
    try:
        wait_for(port, process, tmp_path / "log")
        launch = [dagster, "job", "launch", "--workspace", str(tmp_path / "workspace.yaml")]
        done = subprocess.run(
            [*launch, "--job", "long"], env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        status(tmp_path, dg.DagsterRunStatus.STARTED)
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def status(folder: Path, *wanted: dg.DagsterRunStatus) -> None:
    """Wait until the run has one of these."""
    end = time.monotonic() + 240
    with dg.DagsterInstance.from_config(str(folder / "home")) as instance:
        while (found := [run.status for run in instance.get_runs()]) and found[0] not in wanted:
            assert time.monotonic() < end, found
            time.sleep(0.2)


def test_the_signal_to_the_group_ends_the_run_and_the_server(
    server: subprocess.Popen, tmp_path: Path
) -> None:
    assert services()["code"]["init"] is True
    assert services()["code"]["environment"]["TINI_KILL_PROCESS_GROUP"] == "1"
    end = time.monotonic() + 240
    while not (tmp_path / "begun").exists():
        assert time.monotonic() < end, "the step did not begin"
        time.sleep(0.2)
    os.killpg(server.pid, signal.SIGTERM)
    status(tmp_path, dg.DagsterRunStatus.CANCELED, dg.DagsterRunStatus.FAILURE)
    # by itself: without it each stop would take all the time that trainings have
    assert server.wait(float(services()["code"]["stop_grace_period"].removesuffix("s"))) == 0
