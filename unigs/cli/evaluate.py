"""`unigs evaluate`: compute all metrics of a model on a folder of shards."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unigs.cli.device import Device
from unigs.cli.output import Overrides, print_result

EXAMPLES = (
    "unigs evaluate --task entity --shards shards/entity --model trained/model --out evaluation",
    "unigs evaluate --task entity --shards shards/entity --pipeline sam --model sam-vit-base",
)


def evaluate(
    task: Annotated[str, typer.Option(help="inpainting, synthesis, referring or entity.")],
    shards: Annotated[Path, typer.Option(help="Folder of shards of that task.")],
    model: Annotated[
        Path | None,
        typer.Option(
            "--model",
            "--checkpoint",
            help="Folder of a UniGS pipeline, or of what --pipeline names.",
        ),
    ] = None,
    pipeline: Annotated[
        str,
        typer.Option(
            help="What to evaluate: unigs, sd-inpainting, sd, controlnet-seg, t2i-adapter, "
            "mask2former, sam, coco-results or panoptic."
        ),
    ] = "unigs",
    adapter: Annotated[
        Path | None,
        typer.Option(
            help="ControlNet or T2I-Adapter that steers the checkpoint: folder or Hub id."
        ),
    ] = None,
    predictions: Annotated[
        Path | None, typer.Option(help="JSON of coco-results or panoptic, instead of a checkpoint.")
    ] = None,
    images: Annotated[
        Path | None, typer.Option(help="COCO instances JSON that lists the images of coco-results.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Save predictions, metrics and the sample grid here.")
    ] = None,
    dual_encoder: Annotated[
        str | None,
        typer.Option(help="CLIP folder or Hub id: Frechet distance, CMMD and CLIP scores."),
    ] = None,
    segmenter: Annotated[
        str | None, typer.Option(help="Segmenter folder or Mask2Former: mIoU of synthesis.")
    ] = None,
    inception: Annotated[
        Path | None, typer.Option(help="File of the 2015 Inception weights: FID.")
    ] = None,
    dinov2: Annotated[
        str | None, typer.Option(help="DINOv2 folder or Hub id: Frechet distance FD-DINOv2.")
    ] = None,
    feature_cache: Annotated[
        Path | None,
        typer.Option(help="Keep the features of real images here, for the next model."),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Maximum number of samples.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Sampling steps.")] = None,
    guidance: Annotated[float | None, typer.Option(help="Guidance scale.")] = None,
    decoder: Annotated[
        str | None,
        typer.Option(
            help="Read colormaps by regions, best, nearest, pdm or kmeans; default: the model's."
        ),
    ] = None,
    delta: Annotated[float | None, typer.Option(help="Threshold of pdm.")] = None,
    features: Annotated[
        str | None, typer.Option(help="pdm and kmeans: rgb, lab or rgb+lab.")
    ] = None,
    clusters: Annotated[int | None, typer.Option(min=1, help="kmeans: number of clusters.")] = None,
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
    device: Device = None,
    processes: Annotated[
        int | None,
        typer.Option(min=1, help="Processes that share the samples: a core or accelerator each."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Run the model on the samples and compute all metrics of the task.
    Other models than ours: docs/competitors.md.
    Started by torchrun, the processes share the samples; give --out a folder that all can write.
    """
    import sys
    from contextlib import ExitStack
    from functools import partial
    from tempfile import TemporaryDirectory

    # a wrong request is told before torch is imported
    from unigs.cli.shared.decoding import decoder_options
    from unigs.competitors.registry import OURS, check_request, load_competitor
    from unigs.competitors.request import Request
    from unigs.config.overrides import parse_overrides
    from unigs.config.preset import Preset, load_preset
    from unigs.errors import ConfigError, ModelError
    from unigs.models.source import check_tasks, resolve_directory
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
        dinov2 = dinov2 or given.dinov2
        limit, batch_size = limit or given.scenes, batch_size or given.batch_size
        processes = processes or given.processes
        if pipeline == OURS:
            steps = steps or chosen.inference.steps[task]
            guidance = chosen.inference.guidance[task] if guidance is None else guidance
        seed = chosen.data.seed if seed is None else seed
    elif overrides:
        raise ConfigError("--set changes a preset", hint="name one with --preset")
    other, named = None, model
    decoding = decoder_options(decoder, delta=delta, features=features, clusters=clusters)
    if pipeline != OURS:
        if decoder is not None:
            raise ConfigError(f"--pipeline {pipeline} predicts no colormaps", hint="no --decoder")
        request = Request(
            pipeline, kind.name, shards, model, adapter, predictions, images, limit, seed or 0,
            steps, guidance,
        )  # fmt: skip
        check_request(request)
        other, named = partial(load_competitor, request), model or predictions
    elif adapter or predictions or images:
        raise ConfigError(
            "--adapter, --predictions and --images are of other models", hint="name --pipeline"
        )
    if named is None:
        raise ConfigError("nothing to evaluate", hint="give --model")
    total = read_manifest(shards).samples
    if other is None:
        check_tasks(named, kind.name)
    # Wrong places are told here, before processes start that would load what lies there.
    for source in (dual_encoder, segmenter, dinov2):
        if source is not None:
            resolve_directory(source)
    if inception is not None and not Path(inception).is_file():
        raise ModelError(f"{inception}: no such file", hint="give the file of Inception's weights")
    from rich.console import Console
    from tqdm import tqdm

    from unigs.comparison.curves import note_model
    from unigs.evaluation.metric_values import finite
    from unigs.evaluation.run import EvaluationJob, run_evaluation
    from unigs.evaluation.table import rich_table
    from unigs.io.device import this_device
    from unigs.io.distributed import rank_and_world, torchrun_group

    this_device(device)
    if kind.new_image and not (dual_encoder or inception or dinov2):
        print("no evaluator of images given: only masks are scored", file=sys.stderr)
    with ExitStack() as stack:
        stack.enter_context(torchrun_group())
        rank, _ = rank_and_world()
        folder = out or Path(stack.enter_context(TemporaryDirectory()))
        count = min(total, limit or total)
        bar = stack.enter_context(tqdm(total=count, unit="sample", desc=task, disable=rank > 0))
        job = EvaluationJob(
            named,
            kind.name,
            shards,
            folder,
            dual_encoder,
            segmenter,
            inception,
            dinov2,
            feature_cache,
            limit,
            steps,
            guidance,
            seed or 0,
            batch_size or 32,
            baselines,
            device,
            other,
            decoder,
            decoding,
        )
        values = run_evaluation(job, processes or 1, bar.update)
    if rank > 0:
        return
    if out is not None:
        note_model(out, named)
    if json:
        for note in values.notes():
            print(note, file=sys.stderr)
        print_result({name: finite(value) for name, value in values.named().items()}, True)
    else:
        Console().print(rich_table(values, f"{named}: {task}"))
