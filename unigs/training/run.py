"""Run one training, from folders to weights, in the preset's number of processes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

from unigs.config.preset import Preset
from unigs.io.device import MAKE_ROOM, failures_named, this_device
from unigs.io.distributed import group
from unigs.io.machine import processes
from unigs.latents.stores import Encoders, SampleFolders, training_stream, validation_stream
from unigs.models.autoencoder import load_autoencoder
from unigs.models.components import fresh_unet
from unigs.models.warm_start import warm_unet
from unigs.training.checkpoint import CHECKPOINTS, newest_step
from unigs.training.loop import Interrupted, Log, Preview, TrainReport, train


@dataclass(frozen=True)
class TrainingJob:
    """What to train from.

    Attributes:
        preset: of the run.
        samples: task -> folder of its samples, or task -> {data set: folder}; of latents, or of
            pixel shards, which are encoded when a batch asks for them.
        validation: the same of held-out scenes; empty for none.
        encoders: folders of the models that make, or made, the latents.
        out_dir: checkpoints are written here; the training continues from the newest.
        start: the pipeline folder of a finished model to go on from; None for the preset's own
            beginning.
        device: train there, in one process; None for the accelerators or cores of the machine.
    """

    preset: Preset
    samples: Mapping[str, SampleFolders]
    validation: Mapping[str, SampleFolders]
    encoders: Encoders
    out_dir: Path
    device: str | None = None
    start: Path | None = None


def run_job(
    job: TrainingJob,
    log: Log = lambda step, metrics: None,
    should_stop: Callable[[], bool] = lambda: False,
    on_preview: Preview | None = None,
) -> tuple[UNet2DConditionModel, TrainReport]:
    """Train and return the averaged weights; arguments and errors as in `training.train`.

    In the preset's number of processes, where the machine has a core or an accelerator for each,
    or in those of torchrun.
    """
    wanted = 1 if job.device is not None else job.preset.training.processes
    with group(processes(wanted), _worker, job):
        return _train(job, log, should_stop, on_preview)


def _worker(job: TrainingJob) -> None:
    # Process 0 reports the interruption.
    with suppress(Interrupted):
        _train(job, lambda step, metrics: None, lambda: False, None)


def _train(
    job: TrainingJob,
    log: Log,
    should_stop: Callable[[], bool],
    on_preview: Preview | None,
) -> tuple[UNet2DConditionModel, TrainReport]:
    preset = job.preset
    device = this_device(job.device)
    with failures_named(more_memory=MAKE_ROOM):
        autoencoder = load_autoencoder(job.encoders.autoencoder).to(device)
        # a checkpoint has all that the model it began from could tell
        begun = newest_step(job.out_dir / CHECKPOINTS) is not None
        if job.start is None or (begun and not job.start.is_dir()):
            unet = fresh_unet(preset, autoencoder)
        else:
            unet = warm_unet(preset, autoencoder, job.start)
        unet.to(device)  # type: ignore[arg-type]
    report = train(
        unet,
        training_stream(preset, job.samples, job.encoders),
        preset.training,
        preset.diffusion,
        job.out_dir,
        validation=(
            validation_stream(preset, job.validation, job.encoders) if job.validation else None
        ),
        log=log,
        should_stop=should_stop,
        on_preview=on_preview,
        autoencoder=autoencoder,
    )
    unet.to("cpu")  # type: ignore[arg-type]
    return unet, report
