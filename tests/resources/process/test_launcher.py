"""No child of a run outlives it, however the run ends."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import dagster as dg
import psutil
import pytest

from resources.process.launcher import (
    START_AGAIN,
    ProcessFailed,
    ProcessLauncher,
    ProcessLost,
)

FAMILY = """
import subprocess, sys, time
from pathlib import Path
from resources.process.lifeline import end_with_parent
end_with_parent(poll_seconds=0.1)
grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(120)"])
import os
Path(sys.argv[1]).write_text(f"{os.getpid()} {grandchild.pid}")
time.sleep(120)
"""

RUN = """
import sys, dagster as dg
from resources.process.launcher import ProcessLauncher
@dg.asset
def family(context: dg.AssetExecutionContext, launcher: ProcessLauncher) -> None:
    launcher.run(context, [sys.executable, sys.argv[1], sys.argv[2]])
dg.materialize([family], resources={"launcher": ProcessLauncher(grace_seconds=5)})
"""


def wait_until(condition, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.1)
    return False


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_killed_run_leaves_no_process(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "family.py").write_text(FAMILY)
    (tmp_path / "run.py").write_text(RUN)
    pids = tmp_path / "pids"
    run = subprocess.Popen(
        [sys.executable, "run.py", "family.py", str(pids)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        assert wait_until(lambda: pids.exists() and " " in pids.read_text(), 60)
        family = [int(pid) for pid in pids.read_text().split()]
        assert all(alive(pid) for pid in family)
        run.send_signal(number)
        run.wait(timeout=60)
        assert wait_until(lambda: not any(alive(pid) for pid in family), 15)
    finally:
        run.kill()


def run_child(code: str, instance: dg.DagsterInstance | None = None, **options) -> str:
    @dg.asset
    def child(context: dg.AssetExecutionContext, launcher: ProcessLauncher) -> dg.MaterializeResult:
        launcher.run(context, [sys.executable, "-c", code], **options)
        return dg.MaterializeResult()

    result = dg.materialize([child], resources={"launcher": ProcessLauncher()}, instance=instance)
    return result.run_id


def test_failing_child_is_quoted() -> None:
    code = "import sys; print('the disk is full', file=sys.stderr); sys.exit(3)"
    with pytest.raises(ProcessFailed, match=r"code 3: the disk is full") as caught:
        run_child(code)
    assert not isinstance(caught.value, ProcessLost)


@pytest.mark.parametrize("end", ["os.kill(os.getpid(), 9)", f"sys.exit({START_AGAIN})"])
def test_a_child_that_was_killed_or_can_go_on_may_be_started_again(end: str) -> None:
    with pytest.raises(ProcessLost):
        run_child(f"import os, sys; {end}")


def test_extras_reach_the_child_and_its_messages_come_back() -> None:
    code = (
        "from dagster_pipes import open_dagster_pipes\n"
        "with open_dagster_pipes() as pipes:\n"
        "    assert pipes.extras['steps'] == 3\n"
        "    pipes.log.info('three steps')\n"
    )
    with dg.DagsterInstance.ephemeral() as instance:
        run_id = run_child(code, instance, extras={"steps": 3})
        assert any("three steps" in entry.user_message for entry in instance.all_logs(run_id))


def test_grandchild_that_stays_behind_is_ended(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    code = (
        "import subprocess, sys, pathlib\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(120)'],"
        " stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)\n"
        f"pathlib.Path({str(pid_file)!r}).write_text(str(child.pid))\n"
    )
    run_child(code)
    pid = int(pid_file.read_text())
    assert wait_until(lambda: not alive(pid), 10)
