"""`unigs predict`: predict entities and images for one picture or a folder of them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from unigs.cli.device import Device
from unigs.cli.output import print_result
from unigs.cli.shared.entity_table import print_entities
from unigs.cli.shared.volume import is_quiet

EXAMPLES = (
    "unigs predict --model trained/model --task entity --image photo.jpg --out predictions",
    "unigs predict --model trained/model --task inpainting --image photo.jpg "
    "--coarse-mask mask.png --names dog --out predictions",
)


def predict(
    model: Annotated[
        str, typer.Option(help="Folder of a UniGS model, its Hub id, or models:/NAME@champion.")
    ],
    task: Annotated[str, typer.Option(help="inpainting, synthesis, referring or entity.")],
    out: Annotated[Path, typer.Option(help="Folder of the predictions.")],
    image: Annotated[Path | None, typer.Option(help="Picture, or folder of pictures.")] = None,
    coarse_mask: Annotated[
        Path | None,
        typer.Option(help="Coarse mask: white or painted pixels; or a folder with the same names."),
    ] = None,
    colormap: Annotated[Path | None, typer.Option(help="Synthesis: the colormap.")] = None,
    prompt: Annotated[str | None, typer.Option(help="Full prompt.")] = None,
    names: Annotated[str | None, typer.Option(help="Class names, comma-separated.")] = None,
    steps: Annotated[int | None, typer.Option(help="Sampling steps; default: the model's.")] = None,
    guidance: Annotated[
        float | None, typer.Option(help="Guidance scale; default: the model's.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Random seed, the same for every picture.")] = 0,
    fit: Annotated[
        Literal["native", "stretch", "auto"],
        typer.Option(help="Run at the picture's size or at the training size."),
    ] = "auto",
    decoder: Annotated[
        str | None, typer.Option(help="Colormap decoder; default: the model's.")
    ] = None,
    paste_back: Annotated[
        bool, typer.Option(help="Inpainting: restore the picture outside the mask.")
    ] = False,
    clamp_known: Annotated[
        bool, typer.Option(help="Clamp the half that the task repeats to the known latents.")
    ] = False,
    merge: Annotated[
        Literal["none", "seeds", "names", "tiles"],
        typer.Option(help="Merge several runs into one prediction: by seeds, names or tiles."),
    ] = "none",
    runs: Annotated[int, typer.Option(min=2, help="Seeds to merge.")] = 5,
    precision: Annotated[
        Literal["float32", "bfloat16", "float16"], typer.Option(help="Precision of the weights.")
    ] = "float32",
    device: Device = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Predict and write image, colormap, overlay and panoptic masks."""
    # report a wrong request before torch and the model are loaded
    from unigs.config.seeds import checked_seed
    from unigs.errors import DataError
    from unigs.models.source import check_tasks
    from unigs.tasks import task_named
    from unigs.workflows.predict_plan import plan_predictions

    kind = task_named(task)
    checked_seed(seed)
    sources = {"image": image, "coarse_mask": coarse_mask, "colormap": colormap}
    plan = plan_predictions(kind, sources, out)
    if not plan.of_folder:
        plan.requests[0].read()
    check_tasks(model, kind.name)

    import torch

    from unigs.io.device import MAKE_ROOM, failures_named, this_device
    from unigs.pipeline.pipeline import UniGSPipeline
    from unigs.workflows.predict_files import predict_files, split_names

    where = this_device(device)
    with failures_named(more_memory=MAKE_ROOM):
        pipeline = UniGSPipeline.from_pretrained(model, dtype=getattr(torch, precision)).to(where)
    # diffusers decides by itself whether the bar of sampling steps is shown, whatever tqdm's own
    # variable says
    if is_quiet():
        pipeline.set_progress_bar_config(disable=True)
    options: dict[str, Any] = {
        "prompt": prompt,
        "names": None if names is None else split_names(names),
        "num_inference_steps": steps,
        "guidance_scale": guidance,
        "fit": None if fit == "auto" else fit,
        "decoder": decoder,
        "paste_back": paste_back,
        "clamp_known": clamp_known,
    }
    done = predict_files(pipeline, kind.name, sources, out, seed, options, merge, runs)
    if json:
        found: dict[str, Any] = {"predictions": done.predictions, "skipped": done.skipped}
        print_result(found if plan.of_folder else done.predictions[0], as_json=True)
    elif done.predictions:
        print_entities(done.predictions, out)
    for entry in () if json else done.skipped:
        place = "" if entry["file"] in entry["reason"] else f"{entry['file']}: "
        print(f"skipped {place}{entry['reason']}", file=sys.stderr)
    if done.refused:
        raise DataError(
            f"{len(done.refused)} of {len(done.refused) + len(done.predictions)} pictures have no "
            f"prediction: {done.refused[0]['reason']}"
        )
