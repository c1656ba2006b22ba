"""Run one evaluation, from folders to metrics, in one process or several."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from unigs.evaluation.baselines import Codec
from unigs.evaluation.evaluate import evaluate, evaluate_predictor
from unigs.evaluation.metric_values import MetricValue, MetricValues
from unigs.evaluation.predictions import OtherModel
from unigs.evaluators.bundle import Evaluators, load_evaluators
from unigs.io.device import MAKE_ROOM, failures_named, this_device
from unigs.io.distributed import group, rank_and_world
from unigs.io.machine import machine, processes
from unigs.pipeline.pipeline import UniGSPipeline


@dataclass(frozen=True)
class EvaluationJob:
    """What to evaluate.

    Attributes:
        model: folder of a ``UniGSPipeline``; with `other` only a name.
        dual_encoder, segmenter, inception, dinov2: sources of the evaluators, and `features` the
            folder that keeps the features of real images (`load_evaluators`).
        references: also evaluate baselines and upper bounds.
        device: as in `this_device`; None for each process's own.
        other: makes another model ready, in each process; see `unigs.competitors`. Steps, guidance
            and seed are its own then.
        decoder, decoder_options: of colormaps and their upper bound, in place of the model's own;
            see `unigs.colormap.decode`.

    The others are those of `unigs.evaluation.evaluate.evaluate`.
    """

    model: Path
    task: str
    shards: Path
    out_dir: Path
    dual_encoder: Path | str | None = None
    segmenter: Path | str | None = None
    inception: Path | str | None = None
    dinov2: Path | str | None = None
    features: Path | None = None
    limit: int | None = None
    steps: int | None = None
    guidance: float | None = None
    seed: int = 0
    batch_size: int = 32
    references: bool = True
    device: str | None = None
    other: Callable[[torch.device], OtherModel] | None = None
    decoder: str | None = None
    decoder_options: Mapping[str, Any] = field(default_factory=dict)


def run_evaluation(
    job: EvaluationJob, wanted: int = 1, progress: Callable[[int], object] | None = None
) -> MetricValues:
    """Evaluate, and return the values; errors as in `evaluate` and `load_evaluators`.

    Args:
        wanted: processes that share the samples, as far as the machine has a core or an
            accelerator for each; under torchrun its processes count. The values are those of one
            process.
        progress: called with the number of samples of each batch, of all processes.
    """
    with group(processes(wanted), _worker, job):
        return _evaluate(job, progress)


def on_device(pipeline: Any, device: torch.device) -> Any:
    """Move a pipeline to a device; on an accelerator UNet and text encoder compute in bfloat16
    where it does so faster. The CPU keeps float32, so that its figures are those of any CPU."""
    with failures_named(more_memory=MAKE_ROOM):
        pipeline.to(device)
        low = machine(device).low_precision if device.type != "cpu" else torch.float32
        if low != torch.float32:
            pipeline.unet.to(low)
            pipeline.text_encoder.to(low)
    return pipeline


def _worker(job: EvaluationJob) -> None:
    _evaluate(job, None)


def _evaluate(job: EvaluationJob, progress: Callable[[int], object] | None) -> MetricValues:
    device = this_device(job.device)
    with failures_named(more_memory=MAKE_ROOM):
        # Evaluators stay in float32: their figures are compared with those of others.
        evaluators = load_evaluators(
            job.dual_encoder,
            job.segmenter,
            job.inception,
            job.dinov2,
            features=job.features,
            device=str(device),
        )
        other = job.other(device) if job.other is not None else None
        if other is None:
            pipeline = on_device(UniGSPipeline.from_pretrained(job.model), device)
    if other is not None:
        return _evaluate_other(job, other, evaluators, progress)
    pipeline.set_progress_bar_config(disable=True)
    return evaluate(
        pipeline,
        job.task,
        job.shards,
        evaluators,
        job.out_dir,
        job.limit,
        job.steps,
        job.seed,
        job.batch_size,
        progress,
        guidance_scale=job.guidance,
        decoder=job.decoder,
        decoder_options=job.decoder_options,
        codec=_codec(job, pipeline) if job.references else None,
        baselines=job.references,
    )


def _codec(job: EvaluationJob, pipeline: Any) -> Codec:
    codec = Codec.of(pipeline)
    if job.decoder is None or (job.decoder == codec.decoder and not job.decoder_options):
        return codec
    return replace(codec, decoder=job.decoder, options=job.decoder_options)


def _evaluate_other(
    job: EvaluationJob,
    model: OtherModel,
    evaluators: Evaluators,
    progress: Callable[[int], object] | None,
) -> MetricValues:
    values = evaluate_predictor(
        model.predictor,
        job.task,
        job.shards,
        evaluators,
        job.out_dir,
        job.limit,
        job.batch_size,
        progress,
        baselines=job.references,
        masks=model.masks,
    )
    values += (MetricValue(name, count) for name, count in model.counts.items())
    if rank_and_world()[0] == 0:
        values.write(job.out_dir)
    return values
