"""Tags and links that trace a metric back to its run, code and data, and lead from each interface
to the other."""

import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import dagster as dg

import unigs
from assets_defs.run.partitions import SETTINGS_TAG, all_settings_tag, settings_tags
from resources.mlflow.links import (
    asset_url,
    dagster_run_url,
    mlflow_run_url,
    model_version_url,
)
from resources.run_settings import GraphSettings

# What MLflow shows as the description of a run, in Markdown.
_DESCRIPTION = "mlflow.note.content"
# What it shows as the source of a run.
_SOURCE, _SOURCE_KIND = "mlflow.source.name", "mlflow.source.type"


@cache
def git_commit() -> str:
    """Return the commit of the working tree, ``+`` with changes; outside a clone the version."""
    try:
        commit = _git("rev-parse", "HEAD")
        changed = _git("status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):
        return unigs.__version__
    return f"{commit}+" if changed else commit


def _git(*arguments: str) -> str:
    return subprocess.run(
        ["git", "-C", str(Path(unigs.__file__).parents[1]), *arguments],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


def provenance(context: dg.AssetExecutionContext, settings: GraphSettings) -> dict[str, str]:
    """MLflow tags: Dagster's run and asset with links to them, the commit, preset and data set."""
    run_id, asset = context.run.run_id, context.asset_key.to_user_string()
    return {
        _SOURCE: f"Dagster asset {asset}",
        _SOURCE_KIND: "JOB",
        "dagster.run_id": run_id,
        "dagster.job": context.run.job_name,
        "dagster.asset": asset,
        "code.commit": git_commit(),
        "preset": settings.preset_name,
        "dataset": settings.dataset,
        _DESCRIPTION: (
            f"Data set {settings.dataset}, preset {settings.preset_name}. Dagster: "
            f"[run {run_id.partition('-')[0]}]({dagster_run_url(run_id)}), "
            f"[asset {asset}]({asset_url(asset)})"
        ),
    }


def provenance_of_version(
    context: dg.AssetExecutionContext, settings: GraphSettings
) -> tuple[dict[str, str], str]:
    """Return the tags of a registered version, and its description: the tags that MLflow reads
    itself are of runs."""
    known = provenance(context, settings)
    tags = {key: value for key, value in known.items() if not key.startswith("mlflow.")}
    return tags, known[_DESCRIPTION]


def dataset_and_preset(context: dg.AssetExecutionContext) -> dict[str, str]:
    """Return what the run is of, as metadata; the run gets it as tags if it was launched without
    them, as runs from the UI's launchpad are. Where its configuration leaves settings to its code
    location, a tag tells them all."""
    settings: GraphSettings = context.resources.settings
    tags = settings_tags(settings)
    resources: Any = context.run.run_config.get("resources", {})
    given = resources.get("settings", {}).get("config", {})
    if SETTINGS_TAG in context.run.tags or not {"dataset", "preset"} <= given.keys():
        tags |= all_settings_tag(settings)
    if tags.items() - context.run.tags.items():
        context.instance.add_run_tags(context.run.run_id, tags)
    return {"dataset": settings.dataset, "preset": settings.preset_name}


def mlflow_links(metadata: Mapping[str, Any]) -> dict[str, dg.UrlMetadataValue]:
    """Return links to the run and the registered version that a build's metadata names."""
    links = {}
    if run_id := metadata.get("mlflow_run_id"):
        links["mlflow_run"] = mlflow_run_url(run_id, metadata.get("mlflow_experiment_id"))
    if "version" in metadata and "model_id" in metadata:
        links["mlflow_model"] = model_version_url(metadata["name"], metadata["version"])
    return {name: dg.MetadataValue.url(link) for name, link in links.items()}
