"""``python -m pipelines.evaluations``: fetch what the gate kept of a version's evaluations.

This is what `unigs compare` starts for a version. The last line of stdout is JSON.
"""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from resources.mlflow.champion import CHAMPION, champion_version, registered_names
from resources.mlflow.connection.access import clear_errors
from resources.mlflow.curves import training_losses
from resources.mlflow.evaluations import kept_evaluations, tasks_kept
from resources.mlflow.registry import EVALUATED_ON, find_version
from resources.mlflow.tracking import Tracking
from resources.store import Store
from unigs.errors import ConfigError, DataError, UnigsError


def main(arguments: list[str] | None = None) -> int:
    """Parse ``arguments``, fetch, print; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.evaluations", description=__doc__)
    parser.add_argument("version", help="name/version, version, champion or name/champion")
    parser.add_argument("--out", type=Path, required=True, help="gets a folder a task")
    parser.add_argument("--store", default="", help="default: $UNIGS_STORE, else ./store")
    options = parser.parse_args(arguments)
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    try:
        with clear_errors():
            print(json.dumps(_fetched(Store(root=options.store), options.version, options.out)))
    except UnigsError as error:
        print(f"unigs compare: {error}", file=sys.stderr)
        return 1
    return 0


def _fetched(store: Store, wanted: str, out: Path) -> dict[str, Any]:
    tracking = Tracking(store=store)
    if not tracking.has_records():
        raise DataError(
            f"{wanted} is no folder, and there are no models", file=store.base,
            hint="give a folder, or a store with --store DIR",
        )  # fmt: skip
    name, number = _version(tracking, wanted)
    version = find_version(tracking, name, number)
    evaluated_on = version.tags.get(EVALUATED_ON, "")
    tasks = tasks_kept(tracking, version, evaluated_on) if evaluated_on else []
    if not tasks or kept_evaluations(tracking, version, evaluated_on, tasks, out) is None:
        raise DataError(f"no evaluation of {name}/{number} was kept", hint="run its gate first")
    shards = _shards(store, name)
    return {
        "name": f"{name}/{number}",
        "shards": shards,
        "evaluated_on": evaluated_on,
        "curves": training_losses(tracking, version.run_id),
    }


def _version(tracking: Tracking, wanted: str) -> tuple[str, str]:
    name, _, number = wanted.rpartition("/")
    known = registered_names(tracking)
    if not name and len(known) == 1:
        name = known[0]
    if name not in known:
        raise ConfigError(
            f"{wanted} is no folder and no version",
            hint=f"give name/version, of {', '.join(known) or 'no models yet'}",
        )
    found = champion_version(tracking, name) if number == CHAMPION else number
    versions = {
        str(version.version)
        for version in tracking.client().search_model_versions(f"name = '{name}'")
    }
    if found not in versions:
        raise DataError(
            f"{name} has no version {number}", hint=f"it has {', '.join(sorted(versions))}"
        )
    return name, str(found)


def _shards(store: Store, name: str) -> str | None:
    """Return the held-out shards of the data set and preset that a model is named after, where they
    are in the store."""
    found = [
        place
        for place in store.base.glob("*/shards/val")
        if name.startswith(f"unigs-{place.parents[1].name}-")
    ]
    return str(max(found, key=lambda place: len(str(place)))) if found else None


if __name__ == "__main__":
    sys.exit(main())
