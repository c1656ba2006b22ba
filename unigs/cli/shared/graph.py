"""Commands of the Dagster side, which is installed apart from the library."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path

from unigs.cli.run_options import store_folder
from unigs.errors import ConfigError, DataError

NEEDED = ("dagster", "mlflow")


def graph_command(module: str, *arguments: str) -> list[str]:
    """Return the command line that runs a module of the Dagster side in this environment.

    Raises:
        ConfigError: Dagster or MLflow is not installed.
    """
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"{' and '.join(missing)} not installed", hint="pip install 'unigs[pipeline]'"
        )
    return [sys.executable, "-m", module, *arguments]


def require_store(store: Path | None) -> None:
    """Raise DataError where the store that is meant is not there, before Dagster is started.

    With a server of MLflow (``$UNIGS_TRACKING_URI``) the registry is elsewhere, and nothing is
    asked of the folder.
    """
    place = store_folder(store)
    if not os.environ.get("UNIGS_TRACKING_URI") and not place.is_dir():
        raise DataError("no such folder", file=place, hint="name the store with --store DIR")
