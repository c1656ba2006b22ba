"""Every asset of the code location."""

from assets_defs.components import autoencoder, text_encoder
from assets_defs.data import quarantine_report, raw, scenes_indexes
from assets_defs.evaluators import evaluators
from assets_defs.manifest import shard_manifest
from assets_defs.shards import latents, shards
from assets_defs.statistics import scene_statistics

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
    *evaluators,
]
