"""Where the files of a registered model are: what `unigs` asks for addresses ``models:/...``.

The entry point ``models`` of the group ``unigs.sources`` in pyproject.toml names it, so that the
library finds it without importing MLflow.
"""

import re
from pathlib import Path

from resources.mlflow.champion import registered_names
from resources.mlflow.connection.access import clear_errors
from resources.mlflow.registry import find_version
from resources.mlflow.tracking import Tracking
from resources.store import Store
from unigs.errors import DataError, ModelError, choices

_ADDRESS = re.compile(r"models:/(?P<name>[^/@]+)(?:@(?P<alias>[^/@]+)|/(?P<version>\d+))")


def registered_folder(address: str) -> Path:
    """Return the diffusers folder of a version in the registry of ``$UNIGS_TRACKING_URI``, else of
    the default store (``$UNIGS_STORE``, else ``./store``).

    Args:
        address: ``models:/NAME@ALIAS`` or ``models:/NAME/VERSION``.

    Raises:
        ModelError: another address, no such model, alias or version.
        DataError: no store there.
        ConfigError: the server refuses the user.
        TransientError: it does not answer.
    """
    parts = _ADDRESS.fullmatch(address)
    if parts is None:
        raise ModelError(
            f"{address}: no address of a registered model",
            hint="give models:/NAME@champion or models:/NAME/VERSION",
        )
    store = Store()
    tracking = Tracking(store=store)
    if not tracking.has_records():
        raise DataError("no models there", file=store.base, hint="name the store: UNIGS_STORE")
    with clear_errors():
        client = tracking.client()
        known = registered_names(tracking)
    name = parts["name"]
    if name not in known:
        raise ModelError(f"no registered model {name}", file=store.base, hint=choices(name, known))
    from mlflow.exceptions import MlflowException

    try:
        with clear_errors():
            version = parts["version"]
            if version is None:
                version = str(client.get_model_version_by_alias(name, parts["alias"]).version)
            return find_version(tracking, name, version).folder
    except MlflowException as error:
        raise ModelError(f"{address}: {error.message}", file=store.base) from error
