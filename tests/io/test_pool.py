"""Jobs over several processes: all are done, and none is waited for after one was killed."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from unigs.errors import TransientError
from unigs.io.pool import over_processes

PRELOAD = ["unigs.io.pool"]
ROOT = Path(__file__).parents[2]


def note(folder, job):
    (folder / str(job)).touch()


def test_every_job_is_done_and_counted(tmp_path):
    counts = list(over_processes(partial(note, tmp_path), range(7), 2, PRELOAD))
    assert sum(counts) == 7
    assert {file.name for file in tmp_path.iterdir()} == set("0123456")
    assert not multiprocessing.active_children()


def fail(job):
    raise ValueError(f"job {job} fails")


def test_what_a_job_raised_comes_out(tmp_path):
    with pytest.raises(ValueError, match=r"job \d fails"):
        list(over_processes(fail, range(3), 2, PRELOAD))


def stay_or_be_killed(folder, job):
    """The first process no longer hears that it is to end, and stays; then the second is killed."""
    try:
        (folder / "first").mkdir()
    except FileExistsError:
        while not (folder / "deaf").exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGKILL)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    (folder / "deaf").touch()
    time.sleep(1000)


def lose_one(folder):
    with pytest.raises(TransientError, match="one of the processes was killed"):
        list(over_processes(partial(stay_or_be_killed, folder), range(4), 2, PRELOAD))
    assert not multiprocessing.active_children()


def test_a_process_that_the_pool_does_not_reach_ends_with_the_killed_one(tmp_path):
    """One that is just being started when another is killed is missed by the pool's signal, too.

    In a process of its own: a pool that waits for ever would not let this one end either.
    """
    code = "import sys, pathlib, tests.io.test_pool as t; t.lose_one(pathlib.Path(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, check=True, timeout=60)
