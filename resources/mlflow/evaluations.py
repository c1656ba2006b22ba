"""A model version's evaluations as artifacts of its training run: what the next candidate is
compared with, image by image, when the store's own folders are the candidate's already."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from resources.mlflow.registry import ModelVersion
from resources.mlflow.tracking import Tracking

_FOLDER = "evaluations"
_NAME_LENGTH = 16


def keep_evaluations(
    tracking: Tracking, version: ModelVersion, evaluated_on: str, places: Mapping[str, Path]
) -> None:
    """Log the values, the scores of images and some predictions of each task's evaluation folder.

    Args:
        evaluated_on: fingerprint of the shards, evaluators and settings.
        places: task -> folder that `unigs.evaluation.evaluate` wrote.
    """
    from unigs.comparison.evaluation import TRUTH
    from unigs.comparison.packed import PACKED, pack
    from unigs.evaluation.evaluate import IMAGE_SCORES
    from unigs.evaluation.metric_values import VALUES_FILE

    client = tracking.client()
    for task, place in places.items():
        path = _path(evaluated_on, task)
        for name in (VALUES_FILE, IMAGE_SCORES):
            client.log_artifact(version.run_id, str(place / name), path)
        if (place / TRUTH).is_file():
            with TemporaryDirectory() as folder:
                pack(place, Path(folder) / PACKED)
                client.log_artifact(version.run_id, str(Path(folder) / PACKED), path)


def kept_evaluations(
    tracking: Tracking, version: ModelVersion, evaluated_on: str, tasks: Iterable[str], into: Path
) -> dict[str, Path] | None:
    """Fetch what `keep_evaluations` logged ``into`` a folder, by task; None where it was not
    evaluated on the same, or its records are gone."""
    from mlflow.exceptions import MlflowException

    from unigs.comparison.packed import PACKED, unpack

    client = tracking.client()
    into.mkdir(parents=True, exist_ok=True)
    places = {}
    for task in tasks:
        path = _path(evaluated_on, task)
        try:
            if not client.list_artifacts(version.run_id, path):
                return None
            places[task] = Path(client.download_artifacts(version.run_id, path, str(into)))
        except (MlflowException, OSError):
            return None
        if (places[task] / PACKED).is_file():
            unpack(places[task] / PACKED, places[task])
    return places


def tasks_kept(tracking: Tracking, version: ModelVersion, evaluated_on: str) -> list[str]:
    """Return the tasks of which `keep_evaluations` logged the evaluation."""
    from mlflow.exceptions import MlflowException

    try:
        listed = tracking.client().list_artifacts(version.run_id, _path(evaluated_on, ""))
    except (MlflowException, OSError):  # its run was removed
        return []
    return [item.path.rpartition("/")[2] for item in listed]


def _path(evaluated_on: str, task: str) -> str:
    return f"{_FOLDER}/{evaluated_on[:_NAME_LENGTH]}/{task}".rstrip("/")
