"""Logged models: the files of a registered version, and what a process that was killed left of
one."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from resources.mlflow.tracking import Tracking
from unigs.errors import ModelError

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

# The tag of a logged model, and of its version: what it was made from. A run has one of each.
MODEL_DIGEST = "model.digest"


class FilesGone(ModelError):
    """The files of a registered version are not where the registry has them."""


def logged_before(tracking: Tracking, run_id: str, digest: str) -> str:
    """Return the logged model of a run that has a digest and is whole; "" without one.

    Others of that digest that broke off are removed; one that has lost its files is left to its
    metrics.
    """
    from mlflow.entities import LoggedModelStatus

    client = tracking.client()
    models = client.search_logged_models(
        [client.get_run(run_id).info.experiment_id],
        filter_string=f"source_run_id = '{run_id}' AND tags.`{MODEL_DIGEST}` = '{digest}'",
        order_by=[{"field_name": "creation_time", "ascending": True}],
    )
    whole = ""
    for model in models:
        place = _place(model.artifact_location)
        if model.status is not LoggedModelStatus.READY:
            delete_logged(tracking, model.model_id)
        elif place is None or place.is_dir():
            whole = whole or model.model_id
    return whole


def delete_logged(tracking: Tracking, model_id: str) -> None:
    """Remove a logged model from the records, and its files where they are in the store."""
    folder = stored_folder(tracking, model_id)
    tracking.client().delete_logged_model(model_id)
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)


def stored_folder(tracking: Tracking, model_id: str) -> Path | None:
    """Return the folder of a logged model, None where it is not in the store."""
    place = _place(tracking.client().get_logged_model(model_id).artifact_location)
    if place is None:
        return None
    # of the model m-1 that is .../models/m-1/artifacts
    folder = place.parent
    # of another place nothing is removed
    inside = folder.is_relative_to(tracking.store.base / "mlartifacts" / "models")
    return folder if inside and folder.is_dir() else None


def place_of(tracking: Tracking, source: str) -> Path | None:
    """Return the folder that a version's source means, which may be gone; None where it is none of
    this machine."""
    model_id = source.removeprefix("models:/")
    if model_id != source:
        source = tracking.client().get_logged_model(model_id).artifact_location
    return _place(source)


def require_files(tracking: Tracking, version: "ModelVersion") -> None:
    """Raise FilesGone unless the files of a registered version are there; a server's are its own
    to keep."""
    place = None if tracking.on_server else place_of(tracking, version.source or "")
    if place is not None and not place.is_dir():
        raise FilesGone(
            f"the files of {version.name}/{version.version} are gone",
            file=place,
            hint="put them back from a copy of the store, or unigs rollback",
        )


def _place(address: str) -> Path | None:
    parts = urlsplit(address)
    return Path(unquote(parts.path)) if parts.scheme in ("", "file") else None
