"""DAGSTER_HOME in the store, so that a store holds its complete history.

Where many share the records, in PostgreSQL, ``UNIGS_DAGSTER_YAML`` names the dagster.yaml that says
so (deploy/dagster.yaml).
"""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from resources.store import STORE_VARIABLE, Store
from unigs.errors import ConfigError, TransientError
from unigs.io.files import write_if_changed

YAML_VARIABLE = "UNIGS_DAGSTER_YAML"
# In the package, so that an installed one finds them too.
_PACKAGE = Path(__file__).resolve().parents[1]
WORKSPACE = _PACKAGE / "workspace.yaml"


def prepare_home(store: Store) -> Path:
    """Make ``<store>/dagster`` with this package's dagster.yaml, or ``$UNIGS_DAGSTER_YAML``, and
    point the process at it.

    An instance is opened once, so that its tables exist before several processes want them.

    Raises:
        ConfigError: no such file, or records that cannot be opened.
        TransientError: the database does not answer.
    """
    # of a store that may not have been made yet
    os.environ.pop("DAGSTER_HOME", None)
    home = store.folder("dagster")
    yaml = Path(os.environ.get(YAML_VARIABLE) or _PACKAGE / "dagster.yaml").expanduser()
    if not yaml.is_file():
        raise ConfigError(f"{YAML_VARIABLE}={yaml}: no such file")
    # where it is mounted into the folder it is there, and cannot be written
    write_if_changed(home / "dagster.yaml", yaml.read_bytes())
    os.environ["DAGSTER_HOME"] = str(home)
    os.environ[STORE_VARIABLE] = str(store.base)
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("DO_NOT_TRACK", "1")
    import dagster as dg

    with _clear_errors(home / "dagster.yaml"), dg.DagsterInstance.get() as instance:
        instance.get_runs(limit=1)
    return home


@contextmanager
def _clear_errors(yaml: Path) -> Iterator[None]:
    """Turn what Dagster raises where its records cannot be opened into one line."""
    import dagster as dg
    from sqlalchemy.exc import OperationalError

    root = logging.getLogger()
    level = root.level
    # of each try to connect
    root.setLevel(logging.ERROR)
    try:
        yield
    except Exception as error:
        first: BaseException = error
        away = False
        while cause := first.__cause__ or first.__context__:
            first = cause
            away = away or isinstance(first, OperationalError)
        if away:
            raise TransientError(
                f"Dagster's records do not answer: {first}",
                hint=f"see to PGHOST, PGUSER, PGPASSWORD and the database of {yaml}",
            ) from error
        if isinstance(first, ModuleNotFoundError):
            hint = "pip install 'unigs[server]'"
            raise ConfigError(f"{first}", file=yaml, hint=hint) from error
        if not isinstance(error, dg.DagsterError):
            raise
        raise ConfigError(f"{first}", file=yaml) from error
    finally:
        root.setLevel(level)
