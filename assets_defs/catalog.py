"""Every asset of the code location."""

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
    annotation_batch,
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
