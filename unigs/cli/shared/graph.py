"""Commands of the Dagster side, which is installed apart from the library."""

import sys
from importlib.util import find_spec

from unigs.errors import ConfigError

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
