"""Training in a separate process, then saving and registering the pipeline."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from assets_defs.cache.build import Built, Outcome, build_or_reuse
from assets_defs.cache.records import RECORD, build_record, built_digest, fingerprint, verify
from assets_defs.cache.staleness import code_of
from assets_defs.cards import write_card
from assets_defs.components import autoencoder, text_encoder
from assets_defs.launched.training_entry import PREVIEWS, REPORT
from assets_defs.manifest import dataset_inputs, fetch, shard_manifest
from assets_defs.metadata.materialize import materialized
from assets_defs.metadata.provenance import provenance, provenance_of_version
from assets_defs.models import JOINT, MODELS, registered_name, tasks_of
from assets_defs.retraining.drift import keep_distributions, note_trained_on
from assets_defs.retraining.start import Starts
from assets_defs.retraining.turn import POOL, training_turn
from assets_defs.run.folders import Folders, leaves, sample_folders
from assets_defs.run.partitions import with_task
from assets_defs.run.planning import require_fit
from assets_defs.run.pretrained import (
    COMPONENTS,
    component_settings,
    weights_inputs,
)
from assets_defs.run.step import Step, step_of_run
from assets_defs.statistics import PLOT, STATISTICS, scene_statistics
from resources.launcher import Launcher
from resources.mlflow.content import log_preset, log_statistics, training_parameters
from resources.mlflow.logged_models import MODEL_DIGEST
from resources.mlflow.registry import register_model
from resources.mlflow.tracking import Tracking
from resources.run_settings import GraphSettings
from resources.store import Store
from unigs.config.data import MIX

if TYPE_CHECKING:
    from unigs.config.preset import Preset

ASSEMBLY_CODE = code_of("assembly")
TRAINING_CODE = code_of("training")
ENCODING_CODE = code_of("encoding")
RUN_FILE = "mlflow_run"
VERSION_FILE = "registered.json"
UNET, PIPELINE = "unet", "pipeline"


def _weights(name: str, tasks: tuple[str, ...]) -> dg.AssetsDefinition:
    @dg.asset(
        name=f"{name}_weights",
        deps=[shard_manifest, scene_statistics, autoencoder, text_encoder],
        group_name=f"model_{name}",
        kinds={"pytorch", "mlflow"},
        owners=["team:models"],
        code_version=TRAINING_CODE,
        pool=POOL,
        description=f"The UNet trained on {', '.join(tasks)}; resumes where it broke off.",
    )
    @step_of_run
    def weights(
        context: dg.AssetExecutionContext,
        store: Store,
        settings: GraphSettings,
        tracking: Tracking,
        launcher: Launcher,
    ) -> dg.MaterializeResult:
        outcome = trained(Step.of(context, store, settings, tracking), launcher, name)
        pictures = sorted((outcome.folder / PREVIEWS).glob("*.png"))
        return materialized(context, outcome, {"preview": pictures[-1]} if pictures else None)

    return weights


def _model(name: str, weights: dg.AssetsDefinition) -> dg.AssetsDefinition:
    @dg.asset(
        name=f"{name}_model",
        deps=[weights, autoencoder, text_encoder],
        group_name=f"model_{name}",
        kinds={"diffusers", "mlflow"},
        owners=["team:models"],
        code_version=ASSEMBLY_CODE,
        description="The pipeline folder (diffusers layout), registered in MLflow as a version.",
    )
    @step_of_run
    def model(
        context: dg.AssetExecutionContext, store: Store, settings: GraphSettings, tracking: Tracking
    ) -> dg.MaterializeResult:
        step = Step.of(context, store, settings, tracking)
        return materialized(context, assembled(step, name))

    return model


def trained(step: Step, launcher: Launcher, name: str) -> Outcome:
    """Train the UNet of a model, or reuse it; it resumes where it broke off."""
    context, store, settings, folders = step.context, step.store, step.settings, step.folders
    tracking, tasks = step.tracking, tasks_of(name)
    preset = with_schedule(settings)

    def described(preset: "Preset") -> dict[str, Any]:
        return {
            **preset.model_dump(mode="json", include={"diffusion", "training"}),
            "unet": component_settings(folders, settings, "unet"),
        }

    inputs = {
        "code": TRAINING_CODE,
        "preset": described(preset),
        "autoencoder": built_digest(folders.autoencoder),
        "latents": {
            task: {one: built_digest(folders.latents(one, "train", task)) for one in datasets}
            for task in tasks
            if (datasets := with_task(settings, "train", task))
        },
        "weights": preset.data.weights if settings.dataset == MIX else None,
        "encoding": None if preset.data.latents else ENCODING_CODE,
    }
    start = Starts(
        tracking,
        preset,
        folders.weights(name),
        registered_name(settings, name),
        folders.autoencoder,
        folders.text_encoder,
    ).decide(inputs)
    if start.again:
        preset = preset.again()
        inputs |= {"preset": described(preset), **start.inputs}

    def build(folder: Path, resume: bool) -> Built:
        # of a run without `raw`, which asks for the others
        require_fit(store, settings)
        read = {
            split: sample_folders(folders, settings, split, tasks) for split in ("train", "val")
        }
        places = [Path(place) for split in read.values() for place in leaves(split)]
        fetch(store, places)
        verify(places)
        start.write(folder)
        if start.said:
            context.log.info(start.said)
        with training_turn(folders.store, context.run.run_id, name, context.log.info):
            known = folder / RUN_FILE
            run_id = tracking.open_run(
                f"train {name} {folders.base.name}",
                tags={**provenance(context, settings), **start.provenance},
                parameters=training_parameters(name, settings, preset),
                inputs=[
                    *dataset_inputs(folders, settings, "train", tasks),
                    *weights_inputs(folders, settings, COMPONENTS),
                ],
                resume=known.read_text(encoding="utf-8") if known.is_file() else None,
            )
            try:
                # not at the end, when MLflow may be away and the checkpoints are gone
                named = tracking.named(run_id)
                known.write_text(run_id, encoding="utf-8")
                log_preset(tracking, run_id, preset)
                # a training on downloaded shards has none
                if (folders.statistics / RECORD).is_file():
                    of_data = folders.statistics
                    log_statistics(tracking, run_id, of_data / STATISTICS, of_data / PLOT)
                keep_distributions(folders, folder)
                order = {
                    "preset": preset.model_dump(mode="json"),
                    "autoencoder": str(folders.autoencoder),
                    "text_encoder": str(folders.text_encoder),
                    **read,
                    "out_dir": str(folder),
                    "start": start.folder,
                    "store": str(store.base),
                    "tracking_uri": tracking.tracking_uri,
                    "mlflow_run_id": run_id,
                }
                launcher.start(context, "assets_defs.launched.training_entry", order, folder)
            except BaseException:
                tracking.end_run(run_id, "KILLED")
                raise
            tracking.end_run(run_id, "FINISHED")
        shutil.rmtree(folder / "checkpoints", ignore_errors=True)
        report = json.loads((folder / REPORT).read_text(encoding="utf-8"))
        told = {**report, **named, **start.provenance}
        return Built(told.pop("digest"), told)

    reads = [folders.autoencoder, folders.text_encoder]
    return build_or_reuse(folders.weights(name), inputs, build, reads=reads)


def assembled(step: Step, name: str) -> Outcome:
    """Save the pipeline of a trained model and register it as a version, or reuse it."""
    context, settings, folders, tracking = step.context, step.settings, step.folders, step.tracking
    inputs = pipeline_inputs(folders, settings, built_digest(folders.weights(name)))

    def build(folder: Path, resume: bool) -> Built:
        from unigs.models.unet import load_unet

        unet = load_unet(folders.weights(name) / UNET)
        preset = with_schedule(settings)
        save_pipeline(preset, unet, folders, tasks_of(name), folder / PIPELINE)
        write_card(settings, folders, name, folder / PIPELINE, folder / PIPELINE, {})
        digest = fingerprint(**inputs)
        run_id = build_record(folders.weights(name))["metadata"]["mlflow_run_id"]
        tags, said = provenance_of_version(context, settings)
        tags[MODEL_DIGEST] = digest
        called = registered_name(settings, name)
        version = register_model(tracking, run_id, called, folder / PIPELINE, tags, said)
        registered = {
            "name": version.name,
            "version": version.version,
            "model_id": version.model_id,
            **tracking.named(version.run_id),
        }
        (folder / VERSION_FILE).write_text(json.dumps(registered), encoding="utf-8")
        note_trained_on(folders, folders.weights(name), version.name, version.version)
        return Built(digest, registered)

    reads = [folders.weights(name), folders.autoencoder, folders.text_encoder]
    return build_or_reuse(folders.model(name), inputs, build, reads=reads)


def with_schedule(settings: GraphSettings) -> "Preset":
    """Return the preset with the checkpoint's noise schedule."""
    from unigs.models.noise_schedule import complete_schedule

    return complete_schedule(settings.values)


def save_pipeline(
    preset: "Preset",
    unet: Any,
    folders: Folders,
    tasks: Sequence[str],
    folder: Path,
) -> None:
    """Write the pipeline folder: ``unet`` (a UNet2DConditionModel) with the frozen parts of
    ``folders``."""
    from unigs.models.autoencoder import load_autoencoder
    from unigs.models.text import load_text_encoder
    from unigs.pipeline.assemble import assemble

    tokenizer, text_encoder = load_text_encoder(folders.text_encoder)
    frozen = load_autoencoder(folders.autoencoder)
    pipeline: Any = assemble(preset, unet, frozen, tokenizer, text_encoder, tasks)
    pipeline.save_pretrained(folder)


def pipeline_inputs(folders: Folders, settings: GraphSettings, unet: str) -> dict[str, Any]:
    """Inputs that a pipeline folder depends on; ``unet`` is the digest of its UNet."""
    parts = {"codec", "diffusion", "inference"}
    return {
        "code": ASSEMBLY_CODE,
        "preset": with_schedule(settings).model_dump(mode="json", include=parts),
        "unet": unet,
        "autoencoder": built_digest(folders.autoencoder),
        "text_encoder": built_digest(folders.text_encoder),
    }


@dg.asset(
    deps=[autoencoder, text_encoder],
    group_name="reference",
    kinds={"diffusers"},
    owners=["team:evaluation"],
    code_version=ASSEMBLY_CODE,
)
@step_of_run
def untrained(
    context: dg.AssetExecutionContext, store: Store, settings: GraphSettings
) -> dg.MaterializeResult:
    """The same pipeline before training: the starting point of every metric."""
    folders = Folders.of(store, settings)
    unet = component_settings(folders, settings, "unet")
    halves = settings.values.training.colormap_half
    inputs = pipeline_inputs(folders, settings, fingerprint(**unet, colormap_half=halves))

    def build(folder: Path, resume: bool) -> Built:
        from unigs.models.autoencoder import load_autoencoder
        from unigs.models.components import fresh_unet

        fresh: Any = fresh_unet(settings.values, load_autoencoder(folders.autoencoder))
        preset = with_schedule(settings)
        save_pipeline(preset, fresh, folders, MODELS[JOINT], folder / PIPELINE)
        return Built(fingerprint(**inputs), {"parameters": fresh.num_parameters()})

    reads = [folders.autoencoder, folders.text_encoder]
    outcome = build_or_reuse(folders.model("untrained"), inputs, build, reads=reads)
    return materialized(context, outcome)


weights = {name: _weights(name, tasks) for name, tasks in MODELS.items()}
models = {name: _model(name, weights[name]) for name in MODELS}
