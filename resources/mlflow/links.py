"""Addresses of pages in the two user interfaces, by which each leads to the other.

They are written into records when something is built. The interfaces of `python -m pipelines.ui`
tell their ports by the variables; elsewhere set them to where people reach the two.
"""

import os
from urllib.parse import quote

DAGSTER_VARIABLE, MLFLOW_VARIABLE = "UNIGS_DAGSTER_URL", "UNIGS_MLFLOW_URL"
_DAGSTER, _MLFLOW = "http://127.0.0.1:3000", "http://127.0.0.1:5000"
# Without it MLflow opens an experiment on traces of language models, whatever its kind.
_KIND = "workflowType=machine_learning"


def experiments_url(mlflow: str) -> str:
    """Return the list of experiments of the MLflow at an address."""
    return f"{mlflow}/#/experiments?{_KIND}"


def mlflow_run_url(run_id: str, experiment_id: str | None = None) -> str:
    """Return the page of a run in MLflow; by way of another page where its experiment is not
    known."""
    of_experiment = f"/experiments/{experiment_id}" if experiment_id else ""
    return f"{_mlflow()}/#{of_experiment}/runs/{run_id}?{_KIND}"


def model_version_url(name: str, version: str) -> str:
    """Return the page of a registered version in MLflow."""
    return f"{_mlflow()}/#/models/{quote(name, safe='')}/versions/{version}?{_KIND}"


def dagster_run_url(run_id: str) -> str:
    """Return the page of a run in Dagster."""
    return f"{_dagster()}/runs/{run_id}"


def asset_url(key: str) -> str:
    """Return the page of an asset in Dagster, of a key with slashes between its parts."""
    return f"{_dagster()}/assets/{quote(key)}"


def _mlflow() -> str:
    return os.environ.get(MLFLOW_VARIABLE, "").rstrip("/") or _MLFLOW


def _dagster() -> str:
    return os.environ.get(DAGSTER_VARIABLE, "").rstrip("/") or _DAGSTER
