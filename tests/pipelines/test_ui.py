"""The two servers live and die together."""

import sys
import time
from pathlib import Path

import psutil

from pipelines.ui import commands, serve
from resources.store import Store

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


def test_both_listen_on_the_loopback_alone_and_share_the_store(tmp_path: Path) -> None:
    found = commands(Store(root=str(tmp_path)), 3001, 5001)
    for command in found.values():
        assert command[command.index("--host") + 1] == "127.0.0.1"
        assert Path(command[0]).is_file()
    assert f"sqlite:///{tmp_path}/mlflow.db" in found["mlflow"]
