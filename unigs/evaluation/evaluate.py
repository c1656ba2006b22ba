"""Evaluate a pipeline on a folder of shards: all metrics, with baselines and upper bounds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from unigs.errors import ConfigError, DataError
from unigs.evaluation.baselines import Codec, references
from unigs.evaluation.coco_export import PredictionFiles
from unigs.evaluation.grid import ranked, sample_grid
from unigs.evaluation.metric_values import MetricValue, MetricValues
from unigs.evaluation.predictions import PipelinePredictor, Predictor
from unigs.evaluation.task_metrics import TaskScores
from unigs.evaluators.bundle import Evaluators
from unigs.io.device import this_device
from unigs.io.distributed import gathered, rank_and_world
from unigs.io.process_memory import freed_memory_kept
from unigs.samples.sample import Sample
from unigs.shards.read import read_samples
from unigs.tasks import task_named

__all__ = ["evaluate", "evaluate_predictor"]

GRID_FILE = "grid.png"
IMAGE_SCORES = "image_scores.parquet"


def evaluate(
    pipeline: Any,
    task: str,
    shard_dir: Path | str,
    evaluators: Evaluators,
    out_dir: Path | str,
    limit: int | None = None,
    num_inference_steps: int | None = None,
    seed: int = 0,
    batch_size: int = 32,
    progress: Callable[[int], object] | None = None,
    *,
    guidance_scale: float | None = None,
    decoder: str | None = None,
    decoder_options: Mapping[str, Any] | None = None,
    codec: Codec | None = None,
    baselines: bool = True,
) -> MetricValues:
    """Evaluate a pipeline on a folder of shards and compute all metrics of the task.

    Args:
        pipeline: a ``UniGSPipeline``, or anything with the same call and output.
        num_inference_steps: for the pipeline; its default if None.
        guidance_scale: for the pipeline; its default if None.
        decoder: of the colormaps, in place of the pipeline's own.
        decoder_options: of that decoder.
        seed: a prediction depends only on it and on its sample, not on ``batch_size``.

    The others, and what is returned and raised, are those of `evaluate_predictor`.
    """
    options: dict[str, Any] = {
        "num_inference_steps": num_inference_steps,
        "guidance_scale": guidance_scale,
    }
    given = {key: value for key, value in options.items() if value is not None}
    if decoder is not None:
        given |= {"decoder": decoder, "decoder_options": decoder_options or None}
    return evaluate_predictor(
        PipelinePredictor(pipeline, task_named(task).name, seed, given),
        task,
        shard_dir,
        evaluators,
        out_dir,
        limit,
        batch_size,
        progress,
        codec=codec,
        baselines=baselines,
    )


@freed_memory_kept()
def evaluate_predictor(
    predictor: Predictor,
    task: str,
    shard_dir: Path | str,
    evaluators: Evaluators,
    out_dir: Path | str,
    limit: int | None = None,
    batch_size: int = 32,
    progress: Callable[[int], object] | None = None,
    *,
    codec: Codec | None = None,
    baselines: bool = True,
    masks: bool = True,
) -> MetricValues:
    """Evaluate anything that predicts samples on a folder of shards.

    In a process group the batches are distributed round-robin and torchmetrics gathers the
    states; all processes return the values of one process, to the last bit. `out_dir` must
    be one folder for all of them.

    Args:
        predictor: predicts batches of samples.
        task: the task of the shards.
        shard_dir: what ``build_shards`` wrote.
        evaluators: the networks that images are scored with; see ``load_evaluators``.
        out_dir: predictions (see ``PredictionFiles``), metrics (see ``MetricValues.write``), what
            each image contributes to them (``image_scores.parquet``) and ``grid.png``, the samples
            that ``ranked`` chooses.
        limit: maximum number of samples.
        progress: called after each batch with the number of its samples, for those of the other
            processes as well, which take theirs at the same time.
        codec: adds its upper bounds; see ``Codec``.
        baselines: also evaluate baselines and upper bounds (the same for every model).
        masks: the predictor gives masks; without them no metric of masks is named.

    Returns:
        The values, documented in docs/metrics.md.

    Raises:
        DataError: no sample, or shards of another task, or ``out_dir`` cannot be written.
        ConfigError: unknown task, or a batch size below 1.
    """
    kind = task_named(task)
    if batch_size < 1:
        raise ConfigError(f"batch size {batch_size}", hint="give at least 1")
    out = Path(out_dir)
    rank, world = rank_and_world()
    device = this_device() if world > 1 else None
    scores = TaskScores(kind, evaluators, masks=masks, device=device)
    others = references(kind, _samples(shard_dir, kind.name, limit), codec) if baselines else []
    other_scores = [
        TaskScores(kind, evaluators, masks=other.masks, device=device) for other in others
    ]
    seen = 0
    tell = progress or (lambda count: None)
    with PredictionFiles(out) as files:
        for turn, batch in enumerate(_batches(_samples(shard_dir, kind.name, limit), batch_size)):
            # Whole batches: a network's predictions differ in the last digits with the batch size.
            if turn % world != rank:
                tell(len(batch))
                continue
            predictions = predictor(batch)
            scores.update(batch, predictions)
            for number, pair in enumerate(zip(batch, predictions, strict=True), turn * batch_size):
                files.add(number, *pair)
            for other, other_score in zip(others, other_scores, strict=True):
                other_score.update(batch, other.predictor(batch))
            seen += len(batch)
            tell(len(batch))
        total = sum(gathered(seen))
        if not total:
            raise DataError("no sample to evaluate", file=shard_dir, hint="build the shards again")
        files.close()
    if evaluators.cache is not None:
        evaluators.cache.save()
    values = scores.compute() + MetricValues((MetricValue("n", float(total)),))
    for other, other_score in zip(others, other_scores, strict=True):
        values += other.attribute(other_score.compute(intervals=False))
    if rank == 0:
        values.write(out)
        by_image = scores.per_image()
        by_image.write(out / IMAGE_SCORES)
        titles = ranked(by_image, files.keys)
        # No further than the last of them, which lies within the limit.
        chosen = (sample for sample in read_samples(shard_dir) if sample.key in titles)
        rows = {sample.key: sample for sample in islice(chosen, len(titles))}
        sample_grid(
            [rows[key] for key in titles],
            [files.read(key) for key in titles],
            out / GRID_FILE,
            titles=tuple(titles.values()),
        )
    return values


def _samples(shard_dir: Path | str, task: str, limit: int | None) -> Iterator[Sample]:
    for sample in islice(read_samples(shard_dir), limit):
        if sample.task != task:
            raise DataError(
                f"a sample of the task {sample.task}",
                file=shard_dir,
                record=sample.key,
                hint=f"give the shards of {task}",
            )
        yield sample


def _batches(samples: Iterator[Sample], size: int) -> Iterator[list[Sample]]:
    while batch := list(islice(samples, size)):
        yield batch
