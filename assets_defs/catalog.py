"""Every asset of the graph; :func:`assets_of` gives them the keys of a run."""

import sys
from collections.abc import Sequence
from typing import Any

import dagster as dg

from assets_defs.arrival.batches import annotation_batch
from assets_defs.components import autoencoder, text_encoder
from assets_defs.data import quarantine_report, raw, scenes_indexes
from assets_defs.evaluation import evaluations, references
from assets_defs.evaluators import evaluators
from assets_defs.gate import gates
from assets_defs.manifest import shard_manifest
from assets_defs.paper.tables import tables
from assets_defs.paper.variants import variant
from assets_defs.protocol import protocol
from assets_defs.report import reports
from assets_defs.shards import latents, shards
from assets_defs.statistics import scene_statistics
from assets_defs.training import models, untrained, weights

ASSETS = [
    raw,
    *scenes_indexes,
    quarantine_report,
    scene_statistics,
    shards,
    autoencoder,
    text_encoder,
    latents,
    shard_manifest,
    protocol,
    *evaluators,
    untrained,
    *references.values(),
    *weights.values(),
    *models.values(),
    *(asset for by_task in evaluations.values() for asset in by_task.values()),
    *reports.values(),
    *gates.values(),
    variant,
    *tables,
]


def assets_of(run: str) -> Sequence[Any]:
    """Return the assets of a run, ``shapes-tiny``: its name comes before theirs."""
    made = dg.load_assets_from_modules([sys.modules[__name__]], key_prefix=run)
    return [annotation_batch(run), *made]
