"""`unigs evaluate`: compute all metrics of a model on a folder of shards."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unigs.cli.output import print_result


def evaluate(
    model: Annotated[Path, typer.Option(help="Folder of a UniGS pipeline.")],
    task: Annotated[str, typer.Option(help="inpainting, synthesis, referring or entity.")],
    shards: Annotated[Path, typer.Option(help="Folder of shards of that task.")],
    out: Annotated[
        Path | None, typer.Option(help="Save predictions, metrics and the sample grid here.")
    ] = None,
    dual_encoder: Annotated[
        str | None, typer.Option(help="CLIP folder or Hub id: Frechet distance and CLIP scores.")
    ] = None,
    segmenter: Annotated[
        str | None, typer.Option(help="Segmenter folder or Mask2Former: mIoU of synthesis.")
    ] = None,
    inception: Annotated[
        Path | None, typer.Option(help="File of the 2015 Inception weights: FID.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Maximum number of samples.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Sampling steps.")] = None,
    guidance: Annotated[float | None, typer.Option(help="Guidance scale.")] = None,
    seed: Annotated[int, typer.Option(help="Random seed.")] = 0,
    batch_size: Annotated[int, typer.Option(min=1)] = 32,
    baselines: Annotated[
        bool, typer.Option(help="Also evaluate baselines and upper bounds.")
    ] = True,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Run the model on the samples and compute all metrics of the task.
    Started by torchrun, the processes share the samples; give --out a folder that all can write.
    """
    import sys
    from contextlib import ExitStack
    from tempfile import TemporaryDirectory

    from rich.console import Console
    from tqdm import tqdm

    from unigs.evaluation import evaluate as evaluation
    from unigs.evaluation.baselines import Codec
    from unigs.evaluation.metric_values import finite
    from unigs.evaluation.table import rich_table
    from unigs.evaluators.bundle import load_evaluators
    from unigs.io.distributed import rank_and_world, torchrun_group
    from unigs.pipeline.pipeline import UniGSPipeline
    from unigs.shards.manifest import read_manifest
    from unigs.tasks import task_named

    kind = task_named(task)
    evaluators = load_evaluators(dual_encoder, segmenter, inception)
    if kind.new_image and evaluators.dual_encoder is None and evaluators.inception is None:
        print("no evaluator of images given: only masks are scored", file=sys.stderr)
    pipeline = UniGSPipeline.from_pretrained(model)
    total = read_manifest(shards).samples
    with ExitStack() as stack:
        stack.enter_context(torchrun_group())
        rank, _ = rank_and_world()
        folder = out or Path(stack.enter_context(TemporaryDirectory()))
        bar = stack.enter_context(tqdm(total=min(total, limit or total), unit="sample", desc=task))
        values = evaluation.evaluate(
            pipeline,
            kind.name,
            shards,
            evaluators,
            folder,
            limit,
            steps,
            seed,
            batch_size,
            bar.update,
            guidance_scale=guidance,
            codec=Codec.of(pipeline) if baselines else None,
            baselines=baselines,
        )
    if rank > 0:
        return
    if json:
        print_result({name: finite(value) for name, value in values.named().items()}, True)
    else:
        Console().print(rich_table(values, f"{model}: {task}"))
