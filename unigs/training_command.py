"""From pixel shards to a pipeline directory in one call: what `unigs train` does."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from unigs.assembly import (
    assemble,
    make_autoencoder,
    make_text_encoder,
    training_stream,
)
from unigs.configuration import load_preset
from unigs.errors import DataError, UnigsError
from unigs.latents import build_latents
from unigs.shard_manifest import MANIFEST, read_manifest
from unigs.training import Interrupted
from unigs.training_job import TrainingJob, run_job
from unigs.training_schedule import training_steps


def train_from_shards(
    preset: str,
    tasks: Sequence[str],
    shards: Path,
    out: Path,
    steps: int,
    resume: bool,
    should_stop: Callable[[], bool],
) -> dict[str, Any]:
    """Encode the shards, train, and save ``out/model``.

    Args:
        shards: the folder of the only task, or a folder with one folder per task.
        steps: optimiser steps; 0 leaves them to the preset.

    Returns:
        ``model``, ``steps``, ``loss`` and ``seconds``.

    Raises:
        DataError: a task has no shards there.
        UnigsError: stopped before the end; the message says how to go on.
    """
    values = load_preset(preset, {"training.steps": steps} if steps else None)
    folders = {task: _folder(shards, task, len(tasks) == 1) for task in tasks}
    manifests = [read_manifest(folder) for folder in folders.values()]
    names = sorted({name for m in manifests for name in m.configuration["options"]["class_names"]})
    if not resume:
        shutil.rmtree(out / "checkpoints", ignore_errors=True)
    autoencoder = make_autoencoder(values.autoencoder, list(folders.values()))
    tokenizer, text_encoder = make_text_encoder(values.text, names)
    latents = {}
    for task, folder in folders.items():
        latents[task] = out / "latents" / task
        build_latents(folder, latents[task], autoencoder, text_encoder, tokenizer)
    autoencoder.save_pretrained(out / "autoencoder")
    total = training_steps(values.training, training_stream(values, latents))
    job = TrainingJob(values, latents, {}, out / "autoencoder", out, resume)
    with tqdm(total=total, unit="step", file=sys.stderr) as bar:

        def log(step: int, metrics: dict[str, float]) -> None:
            bar.update(step - bar.n)
            bar.set_postfix({k: f"{v:.4f}" for k, v in metrics.items() if k == "loss"})

        try:
            unet, report = run_job(job, log, should_stop)
        except Interrupted as interruption:
            raise UnigsError(f"{interruption}; go on with --resume") from interruption
    model = out / "model"
    assemble(values, unet, autoencoder, tokenizer, text_encoder, tasks).save_pretrained(model)
    return {
        "model": model,
        "steps": report.steps,
        "loss": report.loss,
        "seconds": report.seconds,
    }


def _folder(shards: Path, task: str, only: bool) -> Path:
    for folder in (shards / task, shards) if only else (shards / task,):
        if (folder / MANIFEST).is_file():
            return folder
    raise DataError(
        f"no shards of {task}",
        file=shards,
        mend=f"build them with unigs shards build --task {task}",
    )
