"""A child process that ends itself, with its whole group, once its parent is gone."""

import os
import signal
import threading
import time

from resources.process.launcher import PARENT_VARIABLE

_GRACE_SECONDS = 60.0


def end_with_parent(poll_seconds: float = 1.0) -> None:
    """Watch the parent named by the launcher; does nothing in a process started by hand.

    The group gets SIGTERM first, so that a training can write its checkpoint;
    SIGKILL follows.
    """
    parent = os.environ.get(PARENT_VARIABLE)
    if parent is None:
        return
    threading.Thread(target=_watch, args=(int(parent), poll_seconds), daemon=True).start()


def _watch(parent: int, poll_seconds: float) -> None:
    while os.getppid() == parent:
        time.sleep(poll_seconds)
    os.killpg(os.getpgid(0), signal.SIGTERM)
    time.sleep(_GRACE_SECONDS)
    os.killpg(os.getpgid(0), signal.SIGKILL)
