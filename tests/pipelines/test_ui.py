"""The two servers live and die together."""

import errno
import fcntl
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from pipelines.runner import home
from pipelines.ui import HOST, commands, environment, main, serve
from resources.mlflow.links import dagster_run_url, mlflow_run_url
from resources.mlflow.tracking import URI_VARIABLE
from resources.store import Store
from tests.support.servers.ports import free_port

WAIT = "import time; time.sleep(60)"


def test_when_one_server_ends_the_other_is_ended_too(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    note = f"import os, pathlib; pathlib.Path({str(pid)!r}).write_text(str(os.getpid())); {WAIT}"
    leave = (
        "import pathlib, sys, time\n"
        f"while not pathlib.Path({str(pid)!r}).exists(): time.sleep(0.05)\n"
        "time.sleep(0.2); sys.exit(3)"
    )
    begin = time.monotonic()
    code = serve([[sys.executable, "-c", note], [sys.executable, "-c", leave]])
    assert code == 3
    assert time.monotonic() - begin < 50
    assert not psutil.pid_exists(int(pid.read_text()))


def test_what_servers_say_is_passed_on_but_for_what_they_always_say(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = [
        "daemon - WARNING - No cursor for event type RUN_FAILURE, ignoring older events",
        "daemon - WARNING - the code server has exited",
        "[MLflow] Security middleware enabled with default settings (localhost-only).",
        "the last line",
        "2026-12-01 01:08:23 +0000 - dagster - DEBUG - __ASSET_JOB - RUN_START - Started",
    ]
    # Dagster's daemon warns on stdout
    say = f"import sys; print({chr(10).join(lines[:2])!r}, flush=True)"
    end = f"sys.exit({chr(10).join(lines[2:])!r})"
    assert serve([[sys.executable, "-c", f"{say}; {end}"]]) == 1
    assert capsys.readouterr().err.splitlines() == [lines[1], lines[3]]


def test_after_ctrl_c_nobody_is_told_how_the_servers_ended(tmp_path: Path) -> None:
    """Dagster's code server ends with a stack trace when it is stopped while it starts."""
    ready = tmp_path / "ready"
    server = (
        "import os, pathlib, signal, sys, time\n"
        "def end(*given): time.sleep(2); sys.exit('Traceback')\n"
        "signal.signal(signal.SIGTERM, end)\n"
        "print('up', flush=True)\n"
        f"pathlib.Path({str(ready)!r}).write_text(str(os.getpid())); time.sleep(60)"
    )
    # In a process of its own: one that runs tests may swallow the KeyboardInterrupt in a callback.
    # A job in the background of a shell ignores Ctrl-C, and so does what it starts.
    heard = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    command = [sys.executable, "-c", server]
    serving = f"{heard}; from pipelines.ui import serve; exit(serve([{command!r}]))"
    terminal = subprocess.Popen([sys.executable, "-c", serving], stderr=subprocess.PIPE, text=True)
    while not (ready.is_file() and ready.read_text()):
        assert terminal.poll() is None
        time.sleep(0.05)
    for _ in range(2):  # once more, since it takes its time
        time.sleep(1.0)
        terminal.send_signal(signal.SIGINT)
    _, said = terminal.communicate(timeout=60)
    assert (terminal.returncode, said) == (0, "up\n")
    assert not psutil.pid_exists(int(ready.read_text()))


def test_both_listen_on_the_loopback_alone_and_share_the_store(tmp_path: Path) -> None:
    found = commands(Store(root=str(tmp_path)), 3001, 5001)
    for command in found.values():
        assert command[command.index("--host") + 1] == "127.0.0.1"
        assert Path(command[0]).is_file()
    assert f"sqlite:///{tmp_path}/mlflow.db" in found["mlflow"]


def test_where_a_server_has_the_records_none_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(URI_VARIABLE, "https://mlflow.example")
    assert [*commands(Store(root=str(tmp_path)), 3001, 5001)] == ["dagster"]


def test_a_server_that_ends_by_itself_is_a_failure() -> None:
    assert serve([[sys.executable, "-c", "pass"]]) == 1


def test_servers_go_on_when_what_they_say_cannot_be_printed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A log on a full disk: their pipe must not fill, or they wait at it for good."""
    done = tmp_path / "done"
    say = "import pathlib, sys; sys.stderr.write('line\\n' * 100_000); sys.stderr.flush()"

    class Full:
        def write(self, text: str) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(sys, "stderr", Full())
    assert serve([[sys.executable, "-c", f"{say}; pathlib.Path({str(done)!r}).touch()"]]) == 1
    assert done.is_file()


@pytest.mark.parametrize("busy", ["--dagster-port", "--mlflow-port"])
def test_a_busy_port_is_one_line_and_exit_1(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    busy: str,
) -> None:
    monkeypatch.setattr(home, "prepare_home", lambda store: pytest.fail("it started"))
    (other,) = {"--dagster-port", "--mlflow-port"} - {busy}
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        given = ["--store", str(tmp_path), busy, port, other, str(free_port())]
        assert main(given) == 1
    (said,) = capsys.readouterr().err.splitlines()
    assert port in said
    assert busy in said


def test_a_store_is_open_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two daemons would fight over its queue of runs."""
    monkeypatch.setattr("pipelines.ui.prepare_home", lambda store: tmp_path)
    monkeypatch.setattr("pipelines.ui.require_free", lambda *port: None)
    with (tmp_path / "ui.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert main(["--store", str(tmp_path)]) == 1
    assert "open already" in capsys.readouterr().err


def test_each_interface_links_to_the_other_at_the_port_it_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert mlflow_run_url("r").startswith("http://127.0.0.1:5000/#/runs/r")
    for name, value in environment(3001, 5001).items():
        monkeypatch.setenv(name, value)
    assert mlflow_run_url("r").startswith("http://127.0.0.1:5001/#/runs/r?")
    assert dagster_run_url("r") == "http://127.0.0.1:3001/runs/r"


def test_known_warnings_are_silent_and_others_are_not() -> None:
    code = (
        "import warnings\n"
        "warnings.warn('Parameter `backfill_policy` of function `asset` is in beta', UserWarning)\n"
        "warnings.warn('disk almost full', UserWarning)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(1, 2), capture_output=True, text=True
    )
    assert "disk almost full" in done.stderr
    assert "backfill_policy" not in done.stderr
