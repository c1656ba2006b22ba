"""One training from its order, which is JSON: in one process group here, or as one process of a
group over the nodes of a cluster."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resources.ray_cluster.mailbox import Line

if TYPE_CHECKING:
    from unigs.training.loop import Log, Preview
    from unigs.training.run import TrainingJob

UNET = "unet"


class Message(StrEnum):
    """Kinds of messages of process 0 of a group: a line, (step, metrics), (step, picture), the
    report, the reason of a stop."""

    SAY = "say"
    METRICS = "metrics"
    PREVIEW = "preview"
    RESULT = "result"
    INTERRUPTED = "interrupted"


def training_job(order: Mapping[str, Any]) -> "TrainingJob":
    """Return the job of an order."""
    from unigs.config.preset import Preset
    from unigs.latents.stores import Encoders
    from unigs.training.run import TrainingJob

    preset = Preset.model_validate(order["preset"])
    train, val = (
        {task: _folders(held) for task, held in order[split].items()} for split in ("train", "val")
    )
    encoders = Encoders(
        Path(order["autoencoder"]),
        Path(order["text_encoder"]),
        preset.codec.refine_steps,
        preset.autoencoder.sample_posterior,
    )
    start = Path(order["start"]) if order.get("start") else None
    return TrainingJob(preset, train, val, encoders, Path(order["out_dir"]), start=start)


def steps_of(job: "TrainingJob") -> int:
    """Return the optimiser steps of a job."""
    from unigs.latents.stores import training_stream
    from unigs.training.schedule import training_steps

    stream = training_stream(job.preset, job.samples, job.encoders)
    return training_steps(job.preset.training, stream)


def train_and_save(
    job: "TrainingJob",
    say: Callable[[str], None],
    log: "Log",
    should_stop: Callable[[], bool],
    on_preview: "Preview",
) -> dict[str, Any]:
    """Train, save the UNet and return the report; errors as in `unigs.training.loop.train`."""
    from unigs.io.device import this_device
    from unigs.io.machine import machine
    from unigs.models.autoencoder import weights_digest
    from unigs.training.run import run_job

    say(f"device {machine(this_device())}")
    unet: Any
    unet, report = run_job(job, log, should_stop, on_preview)
    unet.save_pretrained(job.out_dir / UNET)
    parameters = unet.num_parameters()
    return {**asdict(report), "parameters": parameters, "digest": weights_digest(unet)}


def train_in_group(order: Mapping[str, Any], line: Line) -> None:
    """Be one process of a group that torch has joined; process 0 reports by ``line``."""
    from unigs.io.distributed import rank_and_world
    from unigs.training.loop import Interrupted
    from unigs.training.run import run_job

    job = training_job(order)
    if rank_and_world()[0] > 0:
        with suppress(Interrupted):
            run_job(job)
        return
    try:
        result = train_and_save(
            job,
            lambda text: line.send(Message.SAY, text),
            lambda step, metrics: line.send(Message.METRICS, (step, metrics)),
            line.should_stop,
            lambda step, picture: line.send(Message.PREVIEW, (step, picture)),
        )
    except Interrupted as interruption:
        line.send(Message.INTERRUPTED, str(interruption))
    else:
        line.send(Message.RESULT, result)


def _folders(held: str | dict[str, str]) -> Path | dict[str, Path]:
    if isinstance(held, str):
        return Path(held)
    return {dataset: Path(folder) for dataset, folder in held.items()}
