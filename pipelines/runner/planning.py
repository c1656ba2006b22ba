"""Refuse a run that cannot fit the disk or the device, before it is launched."""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def planning(options: argparse.Namespace) -> Iterator[Callable[[], list[str]]]:
    """Plan a run in a process of its own (`unigs plan`), beside what the block does to start it.

    Yields:
        a function that waits for the plan and returns why it does not fit, a line each. None for a
        continued run, which has the settings it began with.
    """
    if options.from_failure:
        yield list
        return
    command = [sys.executable, "-m", "unigs", "plan", "--json", "--preset", options.preset]
    command += ["--dataset", options.dataset, "--train-steps", str(options.train_steps)]
    command += ["--root", options.root] if options.root else []
    command += ["--store", options.store] if options.store else []
    command += [f"--set={override}" for override in options.overrides]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            yield lambda: _problems(process)
        finally:
            process.kill()


def _problems(process: "subprocess.Popen[str]") -> list[str]:
    told, _ = process.communicate()
    try:
        problems: list[str] = json.loads(told)["problems"]
    except (ValueError, KeyError):
        # No plan of data or models that cannot be read: the run itself tells what is wrong.
        return []
    return problems
