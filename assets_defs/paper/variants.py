"""Trainings of a model in another way, which the paper's ablations compare with its own way."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import dagster as dg

from assets_defs.cache.records import fingerprint
from assets_defs.cache.staleness import code_of
from assets_defs.components import autoencoder, text_encoder
from assets_defs.data import quarantine_report, scenes_indexes
from assets_defs.evaluation import evaluated
from assets_defs.evaluators import evaluators
from assets_defs.metadata.materialize import described, say
from assets_defs.metadata.provenance import dataset_and_preset
from assets_defs.models import tasks_of, variant_of
from assets_defs.protocol import protocol
from assets_defs.retraining.turn import POOL
from assets_defs.run.folders import Folders
from assets_defs.run.partitions import key_range, parts, settings_tags
from assets_defs.run.step import Step, step_of_run
from assets_defs.shards import drawn, encoded
from assets_defs.training import assembled, trained
from resources.launcher import Launcher
from resources.mlflow.tracking import Tracking
from resources.run_settings import GraphSettings
from resources.store import Store

if TYPE_CHECKING:
    from unigs.config.preset import Preset

GROUP = "variants"
CODE = code_of("training")
REFERRING, RANDOM_COLORS = "referring", "random_colors"


def _random_colors(preset: "Preset") -> dict[str, Any]:
    from unigs.colormap import Palette

    located = Palette.from_name(preset.codec.palette)
    return {"codec.palette": replace(located, order="random").name}


@dataclass(frozen=True, slots=True)
class Variant:
    """The model that is trained in another way, and what differs in the preset's settings."""

    model: str
    changes: Callable[["Preset"], Mapping[str, Any]]


VARIANTS = {RANDOM_COLORS: Variant(REFERRING, _random_colors)}


def varied(settings: GraphSettings, name: str) -> GraphSettings:
    """Return the settings of a run with those of a variant in place of its own."""
    changes = VARIANTS[name].changes(settings.values)
    return GraphSettings(
        preset=settings.preset,
        dataset=settings.dataset,
        root=settings.root,
        train_steps=settings.train_steps,
        overrides={**settings.overrides, **changes},
        workers=settings.workers,
    )


def variant_folders(folders: Folders, name: str) -> Folders:
    """Return the folders of a variant: its shards and latents are its own, and its model, which is
    called ``referring-random_colors``; all else is what the run has."""
    return replace(folders, variant=name)


def variant_tags(settings: GraphSettings) -> dict[str, str]:
    """Return run tags: what the run is of, and all variants."""
    names = list(VARIANTS)
    return settings_tags(settings) | key_range(names[0], names[-1])


@dg.asset(
    deps=[*scenes_indexes, quarantine_report, autoencoder, text_encoder, protocol, *evaluators],
    partitions_def=dg.StaticPartitionsDefinition(list(VARIANTS)),
    backfill_policy=dg.BackfillPolicy.single_run(),
    group_name=GROUP,
    kinds={"pytorch", "mlflow"},
    owners=["team:evaluation"],
    code_version=CODE,
    pool=POOL,
)
@step_of_run
def variant(
    context: dg.AssetExecutionContext,
    store: Store,
    settings: GraphSettings,
    tracking: Tracking,
    launcher: Launcher,
) -> dg.MaterializeResult:
    """A model that is trained in another way at the preset's size, and its values on the test
    protocol.

    Each partition is one variant, from shards over training to evaluation; each of these is reused
    while its inputs stay. `random_colors` is the referring model with a random colour for each
    entity of each sample (the paper's Table 7).
    """
    about = dataset_and_preset(context)
    digests = {}
    for name in context.partition_keys:
        model = VARIANTS[name].model
        own = varied(settings, name)
        folders = variant_folders(Folders.of(store, settings), name)
        step = Step(context, store, own, tracking, folders)
        for part in parts(own):
            if part[2] in tasks_of(model):
                for kind, make in (("shards", drawn), ("latents", encoded)):
                    outcome = make(context, launcher, own, folders, part)
                    say(context, f"{kind} {'|'.join(part)} of {name}", outcome)
        called = variant_of(model, name)
        say(context, f"{called} weights", trained(step, launcher, called))
        say(context, f"{called} model", assembled(step, called))
        metadata: dict[str, Any] = dict(about)
        for task in tasks_of(model):
            outcome = evaluated(step, launcher, called, task)
            say(context, f"{called} evaluation {task}", outcome)
            metadata |= described(outcome)
            digests[f"{name} {task}"] = outcome.digest
        context.add_asset_metadata(metadata, partition_key=name)
    return dg.MaterializeResult(data_version=dg.DataVersion(fingerprint(**digests)), metadata=about)
