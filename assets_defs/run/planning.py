"""Refuse a run that cannot fit the disk or the device: before it is launched, or as it begins."""

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
from resources.run_settings import GraphSettings
from resources.store import Store
from unigs.errors import ConfigError, DataError
from unigs.io.files import replacing
from unigs.remote.address import is_address
from unigs.workflows.sources import folder_of

# In the store: the last run that fitted. A plan takes seconds, too many for each start.
FITTED = ".fitted.json"


def require_fit(store: Store, settings: GraphSettings) -> None:
    """Raise ConfigError, in one line with the settings that would help, for a run that cannot fit;
    what fitted before is not planned again."""
    with planning(store, settings) as problems:
        if found := problems():
            raise ConfigError("; ".join(found))


@contextmanager
def planning(store: Store, settings: GraphSettings) -> Iterator[Callable[[], list[str]]]:
    """Plan a run in a process of its own (`unigs plan`), beside what the block does to start it.

    Yields:
        a function that waits for the plan and returns why it does not fit, a line each.
    """
    record = store.base / FITTED
    asked = _asked(store, settings)
    if _fits_still(record, asked):
        yield list
        return
    command = [sys.executable, "-m", "unigs", "plan", "--json", "--preset", settings.preset]
    command += ["--dataset", settings.dataset, "--train-steps", str(settings.train_steps)]
    command += ["--root", settings.root] if settings.root else []
    command += ["--store", str(store.base)]
    command += [f"--set={name}={_text(value)}" for name, value in settings.overrides.items()]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            yield lambda: _problems(process, record, asked)
        finally:
            process.kill()


def _text(value: object) -> str:
    """Return a value as `--set` takes it: text as it is, all else as YAML."""
    return value if isinstance(value, str) else json.dumps(value)


def _asked(store: Store, settings: GraphSettings) -> str:
    """Digest of all that a plan follows from, apart from the space that is free."""
    preset = Path(settings.preset)
    roots = [Path(settings.root)] if settings.root else []
    if is_address(settings.root):
        # what is not copied yet cannot be planned
        preset_name = settings.preset_name
        found = (folder_of(source, store.base, preset_name) for source in settings.sources)
        roots = [folder for folder in found if folder is not None]
    said = [
        settings.preset, settings.dataset, settings.root, settings.train_steps,
        settings.overrides,
        preset.read_text(encoding="utf-8") if preset.is_file() else "",
        [
            file.stat().st_mtime_ns for place in roots if place.is_dir()
            for file in sorted(place.iterdir())
        ],
        unigs.__version__, platform.node(),
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(said, default=str, sort_keys=True).encode()).hexdigest()


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
