"""The test protocol as an asset: the scenes and coarse masks that every model is evaluated on."""

from pathlib import Path

import dagster as dg

from assets_defs.arrival.roots import data_root
from assets_defs.cache.build import Built, build_or_reuse
from assets_defs.cache.records import built_digest, fingerprint
from assets_defs.cache.staleness import code_of
from assets_defs.data import index_file, quarantine_report, scenes_indexes
from assets_defs.metadata.materialize import materialized
from assets_defs.run.folders import Folders
from assets_defs.run.step import step_of_run
from resources.run_settings import GraphSettings
from resources.store import Store
from unigs.lineage.history import PARTS

SHARDS, TRAINING_SHARDS = "shards", "training_shards"
# The part of the protocol that training scenes are.
TRAINING = "training"
PROTOCOL_CODE = code_of("protocol")


@dg.asset(
    deps=[*scenes_indexes, quarantine_report],
    group_name="data",
    kinds={"webdataset"},
    owners=["team:data"],
    code_version=PROTOCOL_CODE,
)
@step_of_run
def protocol(
    context: dg.AssetExecutionContext, store: Store, settings: GraphSettings
) -> dg.MaterializeResult:
    """Validation scenes drawn once, each with one coarse mask for a single entity and one for
    several (paper, section 4.1); its digest is recorded with every metric measured on it. Where the
    settings ask for them, training scenes too, drawn as held-out samples are."""
    folders = Folders.of(store, settings)
    data, count = settings.values.data, settings.values.evaluation.scenes
    trained_on = settings.values.evaluation.train_scenes
    source = settings.source(settings.evaluated)

    def build(folder: Path, resume: bool) -> Built:
        from unigs.index.scene_source import IndexedScenes
        from unigs.lineage.tables import Tables
        from unigs.samples.split_options import sample_options
        from unigs.shards.manifest import MANIFEST
        from unigs.shards.protocol import build_protocol, build_training_part

        root = data_root(folders, settings, settings.evaluated)
        held_out, trained = (
            IndexedScenes(index_file(folders, settings.evaluated, split), root)
            for split in ("val", "train")
        )
        names, workers = held_out.class_names, settings.workers
        options = sample_options(settings.values, names, "val", source.exhaustive)
        place = folder / SHARDS
        written = build_protocol(held_out, options, place, count, data.seed, workers=workers)
        digest = written.digest
        if trained_on:
            options = sample_options(settings.values, trained.class_names, "val", source.exhaustive)
            place = folder / TRAINING_SHARDS
            part = build_training_part(trained, options, place, trained_on, data.seed, workers)
            digest = fingerprint(held_out=digest, trained_on=part)
        tables = Tables(folders.store)
        parts = {
            file.parent.relative_to(folder).as_posix(): tables.write_shards(file.parent)
            for file in sorted(folder.rglob(MANIFEST))
        }
        return Built(
            digest, {"scenes": len(written.scenes), "digests": written.shards, PARTS: parts}
        )

    inputs = {
        "code": PROTOCOL_CODE,
        "scenes": built_digest(folders.scenes(settings.evaluated, "val")),
        "trained_on": (
            [trained_on, built_digest(folders.scenes(settings.evaluated, "train"))]
            if trained_on
            else None
        ),
        "data": data.model_dump(mode="json", exclude={"mix", "latents"}),
        "exhaustive": source.exhaustive,
        "palette": settings.values.codec.palette,
        "count": count,
    }
    splits = ("val", "train") if trained_on else ("val",)
    reads = [folders.scenes(settings.evaluated, split) for split in splits]
    reads.append(folders.raw(settings.evaluated))
    return materialized(context, build_or_reuse(folders.protocol, inputs, build, reads=reads))


def protocol_shards(folders: Folders, task: str) -> dict[str, Path]:
    """Map the kind of coarse mask (``single``, ``multiple``; ``entity``: ``all``) to its shards,
    and ``training`` to those of training scenes, if there are any."""
    place, trained = folders.protocol / SHARDS / task, folders.protocol / TRAINING_SHARDS / task
    kinds = [kind for kind in ("single", "multiple") if (place / kind).is_dir()]
    found = {kind: place / kind for kind in kinds} or {"all": place}
    return found | ({TRAINING: trained} if trained.is_dir() else {})
