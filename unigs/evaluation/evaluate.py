"""Evaluate a pipeline on a folder of shards: every metric of its task, with baselines."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from unigs.errors import ConfigError, DataError
from unigs.evaluation.baselines import Codec, beside
from unigs.evaluation.coco_export import PredictionFiles
from unigs.evaluation.grid import sample_grid
from unigs.evaluation.predictions import PipelineSource, Prediction
from unigs.evaluation.task_metrics import TaskScores
from unigs.evaluators.bundle import Evaluators
from unigs.io.files import writing
from unigs.samples.sample import Sample
from unigs.shards.read import read_samples
from unigs.tasks import task_named

GRID_ROWS = 8
METRICS_FILE, GRID_FILE = "metrics.json", "grid.png"


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
    codec: Codec | None = None,
    baselines: bool = True,
) -> dict[str, float]:
    """Answer the samples of a folder of shards and compute all metrics of the task.

    Args:
        pipeline: a ``UniGSPipeline``, or anything that is called and answers like one.
        task: the task of the shards.
        shard_dir: what ``build_shards`` wrote.
        evaluators: judges of the images; see ``load_evaluators``.
        out_dir: predictions (see ``PredictionFiles``), ``metrics.json`` and ``grid.png``.
        limit: judge the first so many samples.
        num_inference_steps, guidance_scale: for the pipeline; its defaults if None.
        seed: an answer depends on it and on its sample alone, not on ``batch_size``.
        progress: called with the number of samples answered after each batch.
        codec: adds the figures of its ceiling; see ``Codec``.
        baselines: judge baselines and ceilings too (they are the same for every model).

    Returns:
        Metric name -> value, NaN where it has no meaning; documented in docs/metrics.md.
        ``metrics.json`` holds the same with null for NaN.

    Raises:
        DataError: no sample, or shards of another task, or ``out_dir`` cannot be written.
        ConfigError: unknown task, or a batch size below 1.
    """
    kind = task_named(task)
    if batch_size < 1:
        raise ConfigError(f"batch size {batch_size}", hint="give at least 1")
    options = {"num_inference_steps": num_inference_steps, "guidance_scale": guidance_scale}
    given = {key: value for key, value in options.items() if value is not None}
    source = PipelineSource(pipeline, kind.name, seed, given)
    out = Path(out_dir)
    files = PredictionFiles(out)
    scores = TaskScores(kind, evaluators)
    others = beside(kind, _samples(shard_dir, kind.name, limit), codec) if baselines else []
    other_scores = [TaskScores(kind, evaluators) for _ in others]
    shown: list[tuple[Sample, Prediction]] = []
    seen = 0
    for batch in _batches(_samples(shard_dir, kind.name, limit), batch_size):
        answers = source(batch)
        scores.update(batch, answers)
        for sample, answer in zip(batch, answers, strict=True):
            files.add(sample, answer)
            if len(shown) < GRID_ROWS:
                shown.append((sample, answer))
        for other, other_score in zip(others, other_scores, strict=True):
            other_score.update(batch, other.source(batch))
        seen += len(batch)
        if progress is not None:
            progress(len(batch))
    if not seen:
        raise DataError("no sample to judge", file=shard_dir, hint="build the shards again")
    files.close()
    sample_grid([pair[0] for pair in shown], [pair[1] for pair in shown], out / GRID_FILE)
    figures = scores.compute() | {"n": float(seen)}
    for other, other_score in zip(others, other_scores, strict=True):
        figures |= other.rename(other_score.compute())
    write_figures(out / METRICS_FILE, figures)
    return figures


def write_figures(path: Path, figures: Mapping[str, float]) -> None:
    """Write metrics as JSON, null where a figure has no meaning."""
    content = {key: value if value == value else None for key, value in figures.items()}
    with writing(path) as partial:
        partial.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n")


def read_figures(path: Path) -> dict[str, float]:
    """Read what :func:`write_figures` wrote; null becomes NaN again."""
    try:
        content = json.loads(Path(path).read_text())
        return {
            str(key): float("nan") if value is None else float(value)
            for key, value in content.items()
        }
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise DataError(f"no metrics: {error}", file=path, hint="evaluate again") from error


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
