"""One training at a time in a store, whoever started it.

Dagster's pool ``training`` (``dagster.yaml``) keeps runs that train in the queue while another one
trains. ``unigs run`` starts without a daemon and so without a queue, and a slot that its process
took of a pool would stay taken when it is killed. A lock on a file of the store is let go of by the
kernel, whatever ends the process that holds it.
"""

import fcntl
import json
import os
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

POOL = "training"
LOCK = ".training.lock"
_LOOK_SECONDS = 1.0


@contextmanager
def training_turn(
    store: Path, run_id: str, what: str, say: Callable[[str], None]
) -> Iterator[None]:
    """Hold the turn to train for the block; wait for it as long as another run has it.

    Args:
        store: its folder.
        run_id: of the run that asks, which those that wait are told.
        what: it trains.
        say: takes a line for each run that is waited for.
    """
    with (store / LOCK).open("a+", encoding="utf-8") as file:
        told = ""
        while not _taken(file):
            holder = said_holder(store)
            if holder != told:
                say(f"one training at a time: waits for {holder}")
                told = holder
            time.sleep(_LOOK_SECONDS)
        if told:
            say(f"{told} has ended its training: going on")
        mine = {"run": run_id, "what": what, "pid": os.getpid(), "host": platform.node()}
        file.truncate(0)
        file.write(json.dumps(mine))
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)


def said_holder(store: Path) -> str:
    """Return who has the turn: ``run 01234567 (joint, process 12 on host)``."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        found = json.loads((store / LOCK).read_text(encoding="utf-8"))
        who = f"{found['what']}, process {found['pid']} on {found['host']}"
        return f"run {found['run'][:8]} ({who})"
    return "another run"


def _taken(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
