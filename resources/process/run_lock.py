"""A lock that a run's worker holds as long as it lives, so that others can tell whether it does.

Dagster finds out about a dead worker only while the code server that started it lives on. The lock
is a file ``workers/RUN`` of DAGSTER_HOME; the system frees it however the process ends.
"""

import errno
import fcntl
import os
import time
from collections.abc import Collection
from functools import cache
from pathlib import Path
from typing import TextIO

FOLDER = "workers"
# Who looks whether a worker lives holds its lock for a moment.
_LOOKS, _LOOK_SECONDS = 20, 0.01


def hold_run(run_id: str) -> None:
    """Hold the lock of a run until this process ends; nothing without a DAGSTER_HOME, or where that
    is not ours to write: in a pod, whose launcher asks the cluster after it."""
    if home := os.environ.get("DAGSTER_HOME"):
        try:
            _held(Path(home) / FOLDER / run_id)
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
                raise


@cache
def _held(file: Path) -> TextIO | None:
    file.parent.mkdir(parents=True, exist_ok=True)
    for _ in range(_LOOKS):
        lock = file.open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # removed by a sweep before it was locked: nobody would find it
            if os.fstat(lock.fileno()).st_nlink:
                return lock
        except BlockingIOError:
            time.sleep(_LOOK_SECONDS)
        lock.close()
    return None  # held by the process that this one is a step of


def has_worker(home: Path, run_id: str) -> bool:
    """Return whether some process holds the lock of a run."""
    try:
        with (home / FOLDER / run_id).open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def had_worker(home: Path, run_id: str) -> bool:
    """Return whether a process held the lock of a run below this home, and none holds it now.

    False too where the run's workers keep their locks in another home.
    """
    return (home / FOLDER / run_id).exists() and not has_worker(home, run_id)


def sweep(home: Path, working: Collection[str] = ()) -> None:
    """Remove the locks of runs that have ended; those of ``working`` stay."""
    for file in (home / FOLDER).glob("*"):
        if file.name not in working and not has_worker(home, file.name):
            file.unlink(missing_ok=True)
