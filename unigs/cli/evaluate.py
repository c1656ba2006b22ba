"""`unigs evaluate`: compute all metrics of a model on a folder of shards."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unigs.cli.output import Overrides, print_result


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
    seed: Annotated[int | None, typer.Option(help="Random seed; default: 0.")] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Default: 32.")] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            help="Preset name or .yaml file whose evaluators, limit, batch size, sampling steps, "
            "guidance and seed are taken where no option gives another."
        ),
    ] = None,
    overrides: Overrides = None,
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

    from unigs.config.overrides import parse_overrides
    from unigs.config.preset import Preset, load_preset
    from unigs.errors import ConfigError
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
    if preset is not None:
        chosen = load_preset(preset, parse_overrides(Preset, overrides or ()))
        given = chosen.evaluation
        if given.evaluators == "paper":
            dual_encoder = dual_encoder or given.clip
            segmenter = segmenter or given.segmenter
            inception = inception or (Path(given.inception) if given.inception else None)
        limit, batch_size = limit or given.scenes, batch_size or given.batch_size
        steps = steps or chosen.inference.steps[task]
        guidance = chosen.inference.guidance[task] if guidance is None else guidance
        seed = chosen.data.seed if seed is None else seed
    elif overrides:
        raise ConfigError("--set changes a preset", hint="name one with --preset")
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
            seed or 0,
            batch_size or 32,
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
