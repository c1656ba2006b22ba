"""Train a pipeline on pixel shards in one call, as `unigs train` does."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch.distributed import is_torchelastic_launched

from unigs.comparison.curves import LOSSES, LossRecord
from unigs.config.preset import Preset, load_preset
from unigs.errors import ConfigError, DataError, UnigsError
from unigs.io.device import this_device
from unigs.io.distributed import once, rank_and_world, torchrun_group
from unigs.io.files import replacing_folder, writing
from unigs.io.machine import encoding_processes, machine
from unigs.latents.build import build_latents, latents_are_current
from unigs.latents.stores import Encoders, training_stream
from unigs.models.autoencoder import load_autoencoder
from unigs.models.components import make_autoencoder, make_text_encoder
from unigs.models.noise_schedule import complete_schedule
from unigs.models.pretrained import (
    COMPONENTS,
    FileDigests,
    require_sources,
    source_digest,
    sources_of,
)
from unigs.models.text import load_text_encoder, save_text_encoder
from unigs.pipeline.assemble import assemble
from unigs.pipeline.model_card import facts_of, write_model_card
from unigs.shards.manifest import MANIFEST, read_manifest
from unigs.training.loop import Interrupted
from unigs.training.run import TrainingJob, run_job
from unigs.training.schedule import training_steps
from unigs.workflows.shard_settings import settings_of_shards
from unigs.workflows.training_place import end_retraining, finish_training, training_place
from unigs.workflows.training_progress import TrainingLine, TrainingTeller

__all__ = ["train_from_shards"]

PREVIEW = "preview.png"


def train_from_shards(
    preset: str,
    tasks: Sequence[str],
    shards: Path,
    out: Path,
    steps: int,
    resume: bool,
    should_stop: Callable[[], bool],
    overrides: Mapping[str, Any] | None = None,
    device: str | None = None,
) -> dict[str, Any] | None:
    """Train on some shards and save ``out/model``.

    The expected duration is printed on stderr; from the first minute on ``out/preview.png`` shows
    predictions for some training samples.

    Latents are cached in ``out/latents``; where the preset's ``data.latents`` is false none are
    made: those that fit the shards are used, the rest is encoded on the fly. Palette and size of
    the samples are those of the shards, whatever the preset says.

    Under torchrun each of its processes calls this; `out` is a folder that all of them see.

    Args:
        shards: the folder of the only task, or a folder with one folder per task.
        steps: optimiser steps; 0 leaves them to the preset.
        resume: go on with the training in `out` that was interrupted.
        overrides: dotted names of the preset's settings to values.
        device: as `unigs.io.device.this_device` takes it, for a training in one process.

    Returns:
        ``model``, ``steps``, ``loss`` and ``seconds``; None in all processes but the first.

    Raises:
        DataError: a task has no shards there; without `resume`, `out` holds an unfinished training.
        ConfigError: there is no such device, torchrun gives each process its own, or the shards
            differ in palette or size from each other or from `overrides`.
        UnigsError: stopped before the end; the message says how to resume.
    """
    where = this_device(device)
    if device is not None and is_torchelastic_launched():
        raise ConfigError("torchrun gives each process its own device", hint="leave --device out")
    changes = {**(overrides or {}), **({"training.steps": steps} if steps else {})}
    folders = {task: _folder(shards, task, len(tasks) == 1) for task in tasks}
    values = load_preset(preset, {**changes, **settings_of_shards(folders, changes)})
    require_sources(values, COMPONENTS)
    values = complete_schedule(values)
    latents = {task: out / "latents" / task for task in folders}
    with torchrun_group():
        once(lambda: end_retraining(out))
        place = training_place(out, resume)
        once(lambda: _prepare(values, folders, latents, out, device))
        samples = {
            task: latents[task] if (latents[task] / MANIFEST).is_file() else folder
            for task, folder in folders.items()
        }
        posterior = values.autoencoder.sample_posterior
        encoders = Encoders(out / "autoencoder", out, values.codec.refine_steps, posterior, device)
        job = TrainingJob(values, samples, {}, encoders, place, device)
        first = rank_and_world()[0] == 0
        total = training_steps(values.training, training_stream(values, samples, job.encoders))
        with TrainingLine(sys.stderr) as line:

            def on_preview(step: int, picture: NDArray[np.uint8]) -> None:
                try:
                    with writing(out / PREVIEW) as partial:
                        Image.fromarray(picture).save(partial, "PNG")
                    line.say(f"picture of step {step}: {out / PREVIEW}")
                # no training ends over a picture of it
                except DataError as error:
                    line.say(str(error))

            tell = TrainingTeller(total, line.say, line.show)
            try:
                if first:
                    line.say(f"device {machine(where)}")
                    record = LossRecord(place / LOSSES, resume)

                    def log(step: int, metrics: Mapping[str, float]) -> None:
                        record(step, metrics)
                        tell(step, metrics)

                    unet, report = run_job(job, log, should_stop, on_preview)
                else:
                    unet, report = run_job(job, should_stop=should_stop)
            except Interrupted as interruption:
                raise UnigsError(f"{interruption}; resume with --resume") from interruption
    if not first:
        return None
    tokenizer, text_encoder = load_text_encoder(out)
    model = out / "model"
    autoencoder = load_autoencoder(out / "autoencoder")
    pipeline = assemble(values, unet, autoencoder, tokenizer, text_encoder, tasks)
    digests = {str(folder): read_manifest(folder).digest for folder in folders.values()}
    files = FileDigests()
    weights = {
        name: source_digest(name, source, files)
        for name, source in sources_of(values).items()
        if name in COMPONENTS
    }
    with replacing_folder(model) as partial:
        pipeline.save_pretrained(partial)
        write_model_card(partial, pipeline, facts_of(values, digests, {}, weights))
    # a training that a former release ended has none
    if place != out and (place / LOSSES).is_file():
        (place / LOSSES).replace(out / LOSSES)
    finish_training(out, place)
    return {
        "model": model,
        "steps": report.steps,
        "loss": report.loss,
        "seconds": report.seconds,
    }


def _prepare(
    preset: Preset,
    folders: dict[str, Path],
    latents: dict[str, Path],
    out: Path,
    wanted: str | None,
) -> None:
    manifests = [read_manifest(folder) for folder in folders.values()]
    names = sorted({name for m in manifests for name in m.configuration["options"]["class_names"]})
    most = max(m.configuration["options"]["max_entities"] for m in manifests)
    tokenizer, text_encoder = make_text_encoder(preset.text, names, most)
    autoencoder = make_autoencoder(preset.autoencoder, list(folders.values()))
    device: Any = this_device(wanted)
    models = (autoencoder.to(device), text_encoder.to(device), tokenizer)
    steps, posterior = preset.codec.refine_steps, preset.autoencoder.sample_posterior
    for task, folder in folders.items():
        if preset.data.latents:
            build_latents(
                folder,
                latents[task],
                *models,
                steps,
                posterior=posterior,
                processes=encoding_processes(device),
            )
        elif not latents_are_current(latents[task], folder, *models, steps, posterior):
            shutil.rmtree(latents[task], ignore_errors=True)
    autoencoder.save_pretrained(out / "autoencoder")
    save_text_encoder(out, tokenizer, text_encoder)


def _folder(shards: Path, task: str, only: bool) -> Path:
    for folder in (shards / task, shards) if only else (shards / task,):
        if (folder / MANIFEST).is_file():
            return folder
    raise DataError(
        f"no shards of {task}",
        file=shards,
        hint=f"build them with unigs shards build --task {task}",
    )
