"""Refuse a run that cannot fit the disk or the device, before it is launched."""

import argparse
import hashlib
import json
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import unigs
from resources.store import Store
from unigs.errors import DataError
from unigs.io.files import replacing

# In the store: the last run that fitted. A plan takes seconds, too many for each start.
FITTED = ".fitted.json"


@contextmanager
def planning(options: argparse.Namespace) -> Iterator[Callable[[], list[str]]]:
    """Plan a run in a process of its own (`unigs plan`), beside what the block does to start it.

    Yields:
        a function that waits for the plan and returns why it does not fit, a line each. None for a
        continued run, which has the settings it began with.
    """
    record = Store(root=options.store).base / FITTED
    asked = _asked(options)
    if options.from_failure or _fits_still(record, asked):
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
            yield lambda: _problems(process, record, asked)
        finally:
            process.kill()


def _asked(options: argparse.Namespace) -> str:
    """Digest of all that a plan follows from, apart from the space that is free."""
    preset, root = Path(options.preset), Path(options.root)
    said = [
        options.preset, options.dataset, options.root, options.train_steps, options.overrides,
        preset.read_text(encoding="utf-8") if preset.is_file() else "",
        [file.stat().st_mtime_ns for file in sorted(root.iterdir())] if root.is_dir() else [],
        unigs.__version__, platform.node(),
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(said, default=str).encode()).hexdigest()


def _fits_still(record: Path, asked: str) -> bool:
    try:
        fitted = json.loads(record.read_text(encoding="utf-8"))
        free = shutil.disk_usage(record.parent).free
        return bool(fitted["asked"] == asked and fitted["disk_bytes"] <= free)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _problems(process: "subprocess.Popen[str]", record: Path, asked: str) -> list[str]:
    told, _ = process.communicate()
    try:
        plan = json.loads(told)
        problems: list[str] = plan["problems"]
        fitted = {"asked": asked, "disk_bytes": plan["disk_bytes"]}
    except (ValueError, KeyError):
        # No plan of data or models that cannot be read: the run itself tells what is wrong.
        return []
    if not problems:
        # A store that cannot be written is told by the run.
        with suppress(DataError, OSError), replacing(record) as partial:
            partial.write_text(json.dumps(fitted), encoding="utf-8")
    return problems
