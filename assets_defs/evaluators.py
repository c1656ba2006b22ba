"""The small evaluators, trained on the training scenes, never on generated images."""

from pathlib import Path
from typing import Any

import dagster as dg

from assets_defs.arrival.roots import data_root
from assets_defs.cache.build import Built, build_or_reuse
from assets_defs.cache.records import built_digest
from assets_defs.cache.staleness import code_of
from assets_defs.data import index_file, quarantine_report, scenes_indexes
from assets_defs.metadata.materialize import materialized
from assets_defs.run.folders import Folders
from assets_defs.run.pretrained import weights_digests
from assets_defs.run.step import step_of_run
from resources.evaluators import DUAL_ENCODER, SEGMENTER, external_source, train_evaluator
from resources.run_settings import GraphSettings
from resources.store import Store

CODE = code_of("evaluators")
SETTINGS = {DUAL_ENCODER: "clip", SEGMENTER: "segmenter"}
LABELS = {DUAL_ENCODER: "clip", SEGMENTER: "segmenter"}
WEIGHTS = "weights"


def _evaluator(kind: str, description: str) -> dg.AssetsDefinition:
    @dg.asset(
        key=["evaluator", kind],
        deps=[*scenes_indexes, quarantine_report],
        group_name="evaluators",
        kinds={"pytorch"},
        owners=["team:evaluation"],
        code_version=CODE,
        description=description,
    )
    @step_of_run
    def evaluator(
        context: dg.AssetExecutionContext, store: Store, settings: GraphSettings
    ) -> dg.MaterializeResult:
        folders = Folders.of(store, settings)
        source = external_source(kind, settings.values.evaluation)
        passes = settings.values.evaluation.evaluator_passes
        inputs: dict[str, Any] = {
            "code": CODE,
            "scenes": built_digest(folders.scenes(settings.evaluated, "train")),
            "passes": passes,
            "source": weights_digests(folders, settings, [SETTINGS[kind]]).get(SETTINGS[kind]),
            "label": f"{settings.evaluated}-{LABELS[kind]}",
        }

        def build(folder: Path, resume: bool) -> Built:
            if source is not None:
                from unigs.evaluators.bundle import load_evaluators

                # loaded now, so that what does not load is told before anything is trained
                named: dict[str, Any] = {kind: source}
                loaded = getattr(load_evaluators(**named), kind)
                return Built(loaded.name, {"name": loaded.name, "weights": inputs["source"]})
            from unigs.index.scenes_index import ScenesIndex

            root = data_root(folders, settings, settings.evaluated)
            index = ScenesIndex(index_file(folders, settings.evaluated, "train"), root)
            network = train_evaluator(kind, index, len(index), passes)
            network.save(folder / WEIGHTS, inputs["label"])
            accuracy = {key: round(value, 4) for key, value in network.accuracy.items()}
            return Built(network.name, {"name": network.name, "held_out": accuracy})

        reads = [folders.raw(settings.evaluated), folders.scenes(settings.evaluated, "train")]
        outcome = build_or_reuse(folders.evaluator(kind), inputs, build, reads=reads)
        return materialized(context, outcome)

    return evaluator


evaluators = [
    _evaluator(DUAL_ENCODER, "Image-text dual encoder: features of the Frechet distance and CLIP."),
    _evaluator(
        SEGMENTER, "Panoptic segmenter: evaluates synthesised images against their colormap."
    ),
]
