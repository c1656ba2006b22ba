"""The frozen components of a model: autoencoder and text encoder, loaded or fitted."""

from pathlib import Path
from typing import Any

import dagster as dg

from assets_defs.cache.build import Built, build_or_reuse
from assets_defs.cache.records import built_digest
from assets_defs.cache.staleness import code_of
from assets_defs.data import index_file, quarantine_report, scenes_indexes
from assets_defs.metadata.materialize import materialized
from assets_defs.retraining.fitted import fitted_on
from assets_defs.run.folders import Folders
from assets_defs.run.partitions import SPLITS, held, parts
from assets_defs.run.pretrained import component_settings
from assets_defs.run.step import step_of_run
from resources.run_settings import GraphSettings
from resources.store import Store

AUTOENCODER_CODE = code_of("autoencoder")
TEXT_CODE = code_of("text_encoder")


@dg.asset(
    deps=[dg.AssetKey("shards")],
    group_name="components",
    kinds={"diffusers"},
    owners=["team:models"],
    code_version=AUTOENCODER_CODE,
)
@step_of_run
def autoencoder(
    context: dg.AssetExecutionContext, store: Store, settings: GraphSettings
) -> dg.MaterializeResult:
    """Images to latents: pretrained weights, or principal components fitted on training shards.

    Where trainings go on from the champion, components stay as they were fitted once.
    """
    folders = Folders.of(store, settings)
    wanted = settings.values.autoencoder
    sources = [folders.shards(*part) for part in parts(settings) if part[1] == "train"]
    inputs: dict[str, Any] = {
        "code": AUTOENCODER_CODE,
        "settings": component_settings(folders, settings, "autoencoder"),
        "shards": [built_digest(folder) for folder in sources] if wanted.source is None else [],
    }
    if wanted.source is None and settings.values.retraining.start == "champion":
        inputs["shards"] = fitted_on(folders.store, folders.autoencoder, inputs)

    def build(folder: Path, resume: bool) -> Built:
        from unigs.models.autoencoder import weights_digest
        from unigs.models.components import make_autoencoder

        made = make_autoencoder(wanted, sources)
        made.save_pretrained(folder)
        pretrained = inputs["settings"]["source"]
        metadata = {"family": type(made).__name__, "weights": pretrained or "fitted"}
        return Built(weights_digest(made), metadata)

    reads = sources if wanted.source is None else []
    return materialized(context, build_or_reuse(folders.autoencoder, inputs, build, reads=reads))


@dg.asset(
    deps=[*scenes_indexes, quarantine_report],
    group_name="components",
    kinds={"transformers"},
    owners=["team:models"],
    code_version=TEXT_CODE,
)
@step_of_run
def text_encoder(
    context: dg.AssetExecutionContext, store: Store, settings: GraphSettings
) -> dg.MaterializeResult:
    """Prompts to embeddings: pretrained weights, or a frozen encoder over the class names."""
    folders = Folders.of(store, settings)
    from unigs.index.scenes_index import ScenesIndex

    # Classes that only validation has are words as well: of pieces a prompt could grow too long.
    splits = [(one, split) for split in SPLITS for one in held(settings, split)]
    indexes = [ScenesIndex(index_file(folders, *split)) for split in splits]
    names = list(dict.fromkeys(name for index in indexes for name in index.class_names))
    wanted = settings.values.text
    data = settings.values.data
    most = max(data.train_entities, data.test_entities)
    inputs = {
        "code": TEXT_CODE,
        "settings": component_settings(folders, settings, "text"),
        "names": names,
        "most": most,
    }

    def build(folder: Path, resume: bool) -> Built:
        from unigs.models.autoencoder import weights_digest
        from unigs.models.components import make_text_encoder
        from unigs.models.text import save_text_encoder

        tokenizer, encoder = make_text_encoder(wanted, names, most)
        save_text_encoder(folder, tokenizer, encoder)
        return Built(weights_digest(encoder), {"vocabulary": len(tokenizer)})

    reads = [folders.scenes(*split) for split in splits]
    return materialized(context, build_or_reuse(folders.text_encoder, inputs, build, reads=reads))
