"""The model registry: versions and what each scored."""

import importlib.metadata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from resources.mlflow.champion import READING, champion_version
from resources.mlflow.connection.access import refusal
from resources.mlflow.logged_models import MODEL_DIGEST, logged_before, require_files
from resources.mlflow.tracking import Tracking
from unigs.errors import TransientError, one_line
from unigs.io.files import replacing_folder

# The id of the logged model, which the registry of a database does not keep with a version.
MODEL_ID = "model_id"
# The fingerprint of what a version was evaluated on, as a tag of it.
EVALUATED_ON = "gate.evaluated_on"
# Folder of the store for versions that were fetched from a server: they do not change.
DOWNLOADS = "registered"
_RUN_CHARACTERS = 12
_SERVED_MODEL = Path(__file__).with_name("served_model.py")
_REQUIREMENTS = ("diffusers", "mlflow", "numpy", "pillow", "torch", "transformers")


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """A registered version: ``model_id`` is its logged model, ``folder`` its diffusers folder.

    The folder is the registry's own copy, or of a server what was fetched from it: a later training
    does not change it.
    """

    name: str
    version: str
    run_id: str
    model_id: str
    folder: Path
    tags: Mapping[str, str]


def register_model(
    tracking: Tracking,
    run_id: str,
    name: str,
    folder: Path,
    tags: Mapping[str, str],
    description: str = "",
) -> ModelVersion:
    """Log ``folder`` as a pyfunc model from code (nothing is pickled) and register a version with a
    description in Markdown. A model without a description gets one.

    What waits of the run since MLflow did not answer is delivered first. What a killed process had
    done of it is gone on from: a run has one version of a `MODEL_DIGEST` in ``tags``. The run keeps
    its status and its end: its duration is that of the training.
    """
    tracking.spool().deliver()
    digest = tags.get(MODEL_DIGEST)
    model_id = logged_before(tracking, run_id, digest) if digest else ""
    client = tracking.client()
    import mlflow
    from mlflow.models import Model

    if not model_id:
        # Not within a run, which would be listed as running again; a kill would leave it so.
        run = client.get_run(run_id)
        model_id = client.create_logged_model(
            run.info.experiment_id,
            name=name,
            source_run_id=run_id,
            tags=dict(tags),
            params=run.data.params,
        ).model_id
        Model.log(
            artifact_path=None,
            run_id=run_id,
            model_id=model_id,
            flavor=mlflow.pyfunc,
            python_model=str(_SERVED_MODEL),
            artifacts={"pipeline": str(folder)},
            pip_requirements=[
                f"{package}=={importlib.metadata.version(package)}" for package in _REQUIREMENTS
            ],
        )
    source = f"models:/{model_id}"
    versions = client.search_model_versions(f"name = '{name}' and run_id = '{run_id}'")
    known = [int(each.version) for each in versions if each.source == source]
    version = str(min(known) if known else mlflow.register_model(source, name).version)
    for key, value in {**tags, MODEL_ID: model_id}.items():
        client.set_model_version_tag(name, version, key, value)
    client.update_model_version(name, version, description)
    if not client.get_registered_model(name).description:
        client.update_registered_model(name, READING)
    return find_version(tracking, name, version)


def find_version(tracking: Tracking, name: str, version: str) -> ModelVersion:
    """Return the registered ``version`` of ``name``.

    Raises:
        FilesGone: there is such a version, but not its folder.
    """
    found = tracking.client().get_model_version(name, version)
    require_files(tracking, found)
    (folder,) = (_files(tracking, name, version, found.run_id or "") / "artifacts").iterdir()
    return ModelVersion(
        name=name,
        version=str(found.version),
        run_id=found.run_id or "",
        model_id=found.model_id or found.tags.get(MODEL_ID, ""),
        folder=folder,
        tags=dict(found.tags),
    )


def downloaded(tracking: Tracking, name: str, version: str, run_id: str) -> Path:
    """Return where the store keeps a server's files of a version; it may not exist.

    With the run in its name, since another server can have a version of the same number.
    """
    return tracking.store.base / DOWNLOADS / name / f"{version}-{run_id[:_RUN_CHARACTERS]}"


def _files(tracking: Tracking, name: str, version: str, run_id: str) -> Path:
    import mlflow
    from mlflow.exceptions import MlflowException

    address = f"models:/{name}/{version}"
    if not tracking.on_server:
        return Path(mlflow.artifacts.download_artifacts(address))
    place = downloaded(tracking, name, version, run_id)
    if not place.is_dir():
        try:
            with replacing_folder(place) as partial:
                mlflow.artifacts.download_artifacts(address, dst_path=str(partial))
        except MlflowException as error:
            if refusal(error) is not None:
                raise
            # MLflow collects what went wrong with each file, and chains none of it
            raise TransientError(
                f"the files of {name}/{version} did not arrive: {one_line(str(error))}",
                hint="run it again when the server answers",
            ) from error
    return place


def champion(tracking: Tracking, name: str) -> ModelVersion | None:
    """Return the version that the alias names, or None when there is none yet."""
    version = champion_version(tracking, name)
    return None if version is None else find_version(tracking, name, version)


def tag_version(tracking: Tracking, version: ModelVersion, tags: Mapping[str, str]) -> None:
    """Write ``tags`` on ``version``."""
    client = tracking.client()
    for key, value in tags.items():
        client.set_model_version_tag(version.name, version.version, key, value)
