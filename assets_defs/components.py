"""The frozen parts of a model: the autoencoder and the text encoder, found or made."""

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from assets_defs.code_version import code_version
from assets_defs.data import index_file, quarantine_report, scenes_indexes
from assets_defs.folders import Folders
from assets_defs.keep import Built, keep_or_build, kept_digest
from assets_defs.outcome import materialized
from resources.settings import GraphSettings
from resources.store import Store
from unigs.tasks import TASKS

if TYPE_CHECKING:
    from unigs.configuration import AutoencoderConfig
    from unigs.models.patch_autoencoder import PatchAutoencoder

AUTOENCODER_CODE = ("models/autoencoder", "models/patch_autoencoder", "models/source")
TEXT_CODE = ("models/text", "models/tokenizer", "models/source")


@dg.asset(
    deps=[dg.AssetKey("shards")],
    group_name="components",
    code_version=code_version(*AUTOENCODER_CODE),
)
def autoencoder(
    context: dg.AssetExecutionContext, store: Store, settings: GraphSettings
) -> dg.MaterializeResult:
    """Images to latents: pretrained weights, or principal components fitted on training shards."""
    folders = Folders.of(store, settings)
    wanted = settings.values.autoencoder
    sources = [folders.shards("train", task) for task in TASKS]
    inputs = {
        "code": code_version(*AUTOENCODER_CODE),
        "settings": wanted.model_dump(mode="json"),
        "shards": [kept_digest(folder) for folder in sources] if wanted.source is None else [],
    }

    def build(folder: Path, resume: bool) -> Built:
        from unigs.models.autoencoder import load_autoencoder, weights_digest

        made = (
            fit_patches(sources, wanted)
            if wanted.source is None
            else load_autoencoder(wanted.source)
        )
        made.save_pretrained(folder)
        metadata = {"family": type(made).__name__, "source": wanted.source or "fitted"}
        return Built(weights_digest(made), metadata)

    return materialized(context, keep_or_build(folders.autoencoder, inputs, build))


def fit_patches(sources: Sequence[Path], wanted: "AutoencoderConfig") -> "PatchAutoencoder":
    """Principal components over the first images and colormaps of each shard folder."""
    import numpy as np

    from unigs.models.patch_autoencoder import PatchAutoencoder
    from unigs.shards import read_samples

    each = -(-wanted.fit_images // len(sources))
    pictures = [
        picture
        for folder in sources
        for sample in islice(read_samples(folder), each)
        for picture in (sample.image, sample.colormap)
    ]
    return PatchAutoencoder.fit(
        np.stack(pictures), wanted.patch_size, wanted.latent_channels, wanted.energy
    )


@dg.asset(
    deps=[*scenes_indexes, quarantine_report],
    group_name="components",
    code_version=code_version(*TEXT_CODE),
)
def text_encoder(
    context: dg.AssetExecutionContext, store: Store, settings: GraphSettings
) -> dg.MaterializeResult:
    """Prompts to embeddings: pretrained weights, or a frozen encoder over the class names."""
    folders = Folders.of(store, settings)
    from unigs.scenes_index import ScenesIndex

    names = ScenesIndex(index_file(folders, "train")).class_names
    wanted = settings.values.text
    inputs = {
        "code": code_version(*TEXT_CODE),
        "settings": wanted.model_dump(mode="json"),
        "names": list(names) if wanted.source is None else [],
    }

    def build(folder: Path, resume: bool) -> Built:
        from unigs.models.autoencoder import weights_digest
        from unigs.models.text import build_text_encoder, load_text_encoder, save_text_encoder

        if wanted.source is None:
            options = wanted.model_dump(exclude={"source"})
            tokenizer, encoder = build_text_encoder(names, **options)
        else:
            tokenizer, encoder = load_text_encoder(wanted.source)
        save_text_encoder(folder, tokenizer, encoder)
        return Built(weights_digest(encoder), {"vocabulary": len(tokenizer)})

    return materialized(context, keep_or_build(folders.text_encoder, inputs, build))
