"""The test protocol as an asset: the scenes and coarse masks that every model is evaluated on."""

from pathlib import Path

import dagster as dg

from assets_defs.data import data_root, index_file, quarantine_report, scenes_indexes
from assets_defs.support.build_cache import Built, build_or_reuse
from assets_defs.support.folders import Folders
from assets_defs.support.materialize import materialized
from assets_defs.support.records import built_digest
from assets_defs.support.staleness import code_of
from resources.run_settings import GraphSettings
from resources.store import Store

SHARDS = "shards"
PROTOCOL_CODE = code_of("protocol")


@dg.asset(
    deps=[*scenes_indexes, quarantine_report],
    group_name="data",
    code_version=PROTOCOL_CODE,
)
def protocol(
    context: dg.AssetExecutionContext, store: Store, settings: GraphSettings
) -> dg.MaterializeResult:
    """Validation scenes drawn once, each with one coarse mask for a single entity and one for
    several (paper, section 4.1); its digest is recorded with every metric measured on it."""
    folders = Folders.of(store, settings)
    data, count = settings.values.data, settings.values.evaluation.scenes

    def build(folder: Path, resume: bool) -> Built:
        from unigs.index.scene_source import IndexedScenes
        from unigs.samples.split_options import sample_options
        from unigs.shards.protocol import build_protocol

        root = data_root(folders, settings, settings.evaluated)
        exhaustive = settings.source(settings.evaluated).exhaustive
        scenes = IndexedScenes(index_file(folders, settings.evaluated, "val"), root)
        written = build_protocol(
            scenes,
            sample_options(settings.values, scenes.class_names, "val", exhaustive),
            folder / SHARDS,
            count,
            data.seed,
            workers=settings.workers,
        )
        return Built(written.digest, {"scenes": len(written.scenes), "digests": written.shards})

    inputs = {
        "code": PROTOCOL_CODE,
        "scenes": built_digest(folders.scenes(settings.evaluated, "val")),
        "data": data.model_dump(mode="json", exclude={"mix", "latents"}),
        "exhaustive": settings.source(settings.evaluated).exhaustive,
        "palette": settings.values.codec.palette,
        "count": count,
    }
    reads = [folders.raw(settings.evaluated), folders.scenes(settings.evaluated, "val")]
    return materialized(context, build_or_reuse(folders.protocol, inputs, build, reads=reads))


def protocol_shards(folders: Folders, task: str) -> dict[str, Path]:
    """Map the kind of coarse mask (``single``, ``multiple``; ``entity``: ``all``) to its shards."""
    place = folders.protocol / SHARDS / task
    kinds = [kind for kind in ("single", "multiple") if (place / kind).is_dir()]
    return {kind: place / kind for kind in kinds} or {"all": place}
