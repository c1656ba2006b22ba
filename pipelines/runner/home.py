"""DAGSTER_HOME in the store, so that a store holds its complete history."""

import os
import shutil
from pathlib import Path

from resources.store import STORE_VARIABLE, Store

# In the package, so that an installed one finds them too.
_PACKAGE = Path(__file__).resolve().parents[1]
WORKSPACE = _PACKAGE / "workspace.yaml"


def prepare_home(store: Store) -> Path:
    """Make ``<store>/dagster`` with this package's dagster.yaml, and point the process at it.

    An instance is opened once, so that its tables exist before several processes want them.
    """
    # of a store that may not have been made yet
    os.environ.pop("DAGSTER_HOME", None)
    home = store.folder("dagster")
    shutil.copyfile(_PACKAGE / "dagster.yaml", home / "dagster.yaml")
    os.environ["DAGSTER_HOME"] = str(home)
    os.environ[STORE_VARIABLE] = str(store.base)
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("DO_NOT_TRACK", "1")
    import dagster as dg

    with dg.DagsterInstance.get() as instance:
        instance.get_runs(limit=1)
    return home
