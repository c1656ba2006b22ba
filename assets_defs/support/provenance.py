"""Tags that trace a metric back to its run, code and data."""

import dagster as dg

from assets_defs.support.code_version import git_commit
from resources.run_settings import GraphSettings


def provenance(context: dg.AssetExecutionContext, settings: GraphSettings) -> dict[str, str]:
    """MLflow tags: Dagster's run and asset, the commit, preset and data set."""
    return {
        "dagster.run_id": context.run.run_id,
        "dagster.job": context.run.job_name,
        "dagster.asset": context.asset_key.to_user_string(),
        "dagster.partition": settings.dataset,
        "code.commit": git_commit(),
        "preset": settings.preset_name,
        "dataset": settings.dataset,
    }
