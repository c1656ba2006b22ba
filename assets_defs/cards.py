"""The card of a model: what it was trained on, its settings, its metrics."""

from collections.abc import Mapping
from pathlib import Path

from assets_defs.manifest import dataset_inputs
from assets_defs.models import tasks_of
from assets_defs.run.folders import Folders
from assets_defs.run.pretrained import COMPONENTS, weights_digests
from resources.run_settings import GraphSettings


def write_card(
    settings: GraphSettings,
    folders: Folders,
    name: str,
    pipeline_folder: Path,
    out: Path,
    metrics: Mapping[str, Mapping[str, float]],
) -> None:
    """Write the card of model ``name``, whose pipeline is saved, into the folder ``out``."""
    from unigs.pipeline import UniGSPipeline
    from unigs.pipeline.model_card import facts_of, write_model_card

    inputs = dataset_inputs(folders, settings, "train", tasks_of(name))
    data = {item.name: item.digest for item in inputs}
    weights = weights_digests(folders, settings, COMPONENTS)
    facts = facts_of(settings.values, data, metrics, weights)
    write_model_card(out, UniGSPipeline.from_pretrained(pipeline_folder), facts)
