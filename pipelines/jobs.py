"""The jobs: everything, the data alone, and train + evaluate for each model.

Each runs in one process, since the machine has one model's worth of compute: what is heavy starts
processes of its own (shard workers, the training).
"""

from typing import Any

import dagster as dg

from assets_defs.arrival.batches import annotation_batch
from assets_defs.models import JOINT, MODELS
from assets_defs.paper.variants import variant_tags
from assets_defs.run.keys import asset_key
from assets_defs.run.partitions import run_tags, settings_tags
from resources.run_settings import GraphSettings
from unigs.workflows.job_names import (
    DATA_ONLY,
    EVERYTHING,
    PAPER_TABLES,
    VARIANTS,
    train_and_evaluate,
)


def model_assets(name: str) -> dg.AssetSelection:
    """Return the training, evaluation, report and gate of one model."""
    return dg.AssetSelection.groups(f"model_{name}")


def evaluated(job: str) -> list[str]:
    """Return the models that a job evaluates."""
    if job == EVERYTHING:
        return [JOINT]
    return [name for name in MODELS if job == train_and_evaluate(name)]


def job_tags(job: str, settings: GraphSettings) -> dict[str, str]:
    """Return the tags of a run of a job: what it is of, and the partitions that it covers."""
    return variant_tags(settings) if job == VARIANTS else run_tags(settings)


def jobs_of(settings: GraphSettings) -> list[Any]:
    """Return the jobs of a run's assets, called the same in every run. Their tags tell runs of the
    launchpad apart while they are queued, when their configuration is empty."""
    run, tags = settings.run, settings_tags(settings)
    located = ("referring_weights", "referring_model", "referring_evaluation_referring")

    def _job(name: str, selection: dg.AssetSelection, description: str):
        return dg.define_asset_job(
            name, selection, executor_def=dg.in_process_executor, description=description, tags=tags
        )

    # no run makes the batches that arrive: what arrived is told of a run that succeeded
    batches = dg.AssetSelection.assets(annotation_batch(run).key)
    data = dg.AssetSelection.groups("data") - batches
    everything = _job(
        EVERYTHING,
        data
        | dg.AssetSelection.groups("components", "evaluators", "reference")
        | model_assets(JOINT),
        "Annotations in, a trained and evaluated joint model out.",
    )
    data_only = _job(
        DATA_ONLY,
        data | dg.AssetSelection.groups("components"),
        "From the annotations to latent shards and their manifest.",
    )
    train_jobs = [
        _job(
            train_and_evaluate(name),
            dg.AssetSelection.groups("evaluators", "reference") | model_assets(name),
            f"Train the {name} model on the shards there are, evaluate and gate it.",
        )
        for name in MODELS
    ]
    paper_tables = _job(
        PAPER_TABLES,
        dg.AssetSelection.groups("tables"),
        "The paper's tables for the models at hand.",
    )
    train_variants = _job(
        VARIANTS,
        dg.AssetSelection.groups("variants")
        | dg.AssetSelection.assets(*(asset_key(run, name) for name in located)),
        "Train and evaluate what Table 7 compares: the referring model, and with random colours.",
    )
    return [everything, data_only, *train_jobs, paper_tables, train_variants]
