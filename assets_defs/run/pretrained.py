"""Pretrained weights of a run as inputs: their content counts, not the place they lie in."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from assets_defs.run.folders import Folders
from resources.mlflow.tracking import DatasetInput
from resources.run_settings import GraphSettings

RECORD = ".weights.json"
COMPONENTS = ("autoencoder", "text", "unet")
EVALUATORS = ("clip", "segmenter", "inception", "dinov2")


def weights_inputs(
    folders: Folders, settings: GraphSettings, names: Iterable[str]
) -> list[DatasetInput]:
    """Return those of some components or evaluators that are pretrained as MLflow inputs, with the
    digest of their content; the store remembers the digests of files."""
    from unigs.models.pretrained import FileDigests, source_digest, source_files, sources_of

    digests = FileDigests(folders.base.parent / RECORD)
    sources = sources_of(settings.values)
    return [
        DatasetInput(
            name=f"weights.{name}",
            digest=source_digest(name, sources[name], digests),
            context="pretrained",
            source=Path(source_files(name, sources[name])[0]).absolute().parent,
        )
        for name in names
        if name in sources
    ]


def weights_digests(
    folders: Folders, settings: GraphSettings, names: Iterable[str]
) -> dict[str, str]:
    """Return the digests of :func:`weights_inputs` by component or evaluator."""
    found = weights_inputs(folders, settings, names)
    return {item.name.removeprefix("weights."): item.digest for item in found}


def component_settings(folders: Folders, settings: GraphSettings, name: str) -> dict[str, Any]:
    """Return a component's section of the preset, with the digest of its weights as the source; a
    licence changes nothing, nor does how training draws latents."""
    others = {"source", "licence", "sample_posterior"}
    own = getattr(settings.values, name).model_dump(mode="json", exclude=others)
    return {**own, "source": weights_digests(folders, settings, [name]).get(name)}
