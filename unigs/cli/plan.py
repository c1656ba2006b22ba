"""`unigs plan`: what a run will need, before it is started."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from unigs.cli.output import Overrides, print_result
from unigs.cli.run_options import (
    RunDataset,
    RunPreset,
    RunRoot,
    RunSteps,
    RunStore,
    store_folder,
)

EXAMPLES = (
    "unigs plan --preset tiny",
    "unigs plan --dataset coco_panoptic --root /data/coco --preset sd15 --devices 8 --rate a100",
)


def plan(
    preset: RunPreset = "tiny",
    dataset: RunDataset = "shapes",
    root: RunRoot = "",
    store: RunStore = None,
    train_steps: RunSteps = 0,
    devices: Annotated[
        int, typer.Option(min=0, help="Training processes; 0: the preset's, as far as they fit.")
    ] = 0,
    rate: Annotated[
        str,
        typer.Option(help="Images per second of one accelerator, or a100, h100, h200, l4, l40s."),
    ] = "",
    memory: Annotated[
        float, typer.Option(min=0, help="GiB of one accelerator; 0: what this machine has.")
    ] = 0.0,
    overrides: Overrides = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Print samples, bytes, memory, steps and hours of a run; exit with 1 if it cannot fit."""
    from unigs.config.overrides import parse_overrides
    from unigs.config.preset import Preset, load_preset
    from unigs.workflows.sources import run_sources

    changes = parse_overrides(Preset, overrides or ())
    values = load_preset(preset, changes | ({"training.steps": train_steps} if train_steps else {}))
    run_sources(values, dataset, root)
    from unigs.io.machine import processes
    from unigs.workflows.plan.limits import (
        device_memory,
        disk_problem,
        memory_problem,
        parts_by_itself,
    )
    from unigs.workflows.plan.memory import GIB
    from unigs.workflows.plan.plan import Planner, folder_bytes

    place = store_folder(store)
    planner = Planner(values, dataset, root, True if rate or memory else None, place)
    count = devices or processes(values.training.processes)
    planned = planner.plan(devices=count, rate=rate)
    limit = int(memory * GIB) or device_memory(planner.accelerator, count)
    made = folder_bytes(place / f"{dataset}-{values.name}")
    found = [disk_problem(planner, planned, place, made)]
    found += [memory_problem(planner, planned, limit)] if limit else []
    problems = [problem for problem in found if problem is not None]
    parts = parts_by_itself(planner, planned, limit) if limit else None
    result = {**planned.to_dict(), "parts": parts, "problems": problems}
    print_result(result if json else _shown(result), json)
    if problems:
        raise typer.Exit(1)


def _shown(result: dict[str, Any]) -> dict[str, Any]:
    """Return the lines for people."""
    lines: dict[str, Any] = {}
    for folder in result["folders"]:
        about = "" if folder["measured"] else " (no pictures: from means of COCO)"
        lines[f"{folder['dataset']} {folder['split']} {folder['task']}"] = (
            f"{folder['samples']:,} samples of {folder['scenes']:,} scenes, "
            f"{folder['shards']} shards of {_size(folder['shard_bytes'])}, latents "
            f"{_size(folder['latent_bytes'])}, {folder['prompts']:,} prompts "
            f"{_size(folder['text_bytes'])}{about}"
        )
    memory = result["memory"]
    lines["disk"] = (
        f"{_size(result['disk_bytes'])}: shards {_size(result['shard_bytes'])}, latents and "
        f"prompts {_size(result['latent_bytes'])}, checkpoints "
        f"{_size(result['checkpoint_bytes'])}, models {_size(result['model_bytes'])}"
    )
    lines["memory of a process"] = (
        f"{_size(result['memory_bytes'])}, {_size(memory['peak'])} of it tensors: weights "
        f"{_size(memory['weights'])}, gradients {_size(memory['gradients'])}, moments "
        f"{_size(memory['moments'])}, averages {_size(memory['averages'])}, activations of "
        f"{memory['samples']} samples {_size(memory['activations'])}; a copy for checkpoints is "
        f"{_size(memory['copy'])} in the machine's memory"
    )
    if result["parts"] is not None:
        lines["parts"] = (
            f"out of memory with {memory['samples']} samples at a time, the training goes on with "
            f"{result['batch_size'] // result['parts']}, by the same gradient "
            f"(training.accumulation={result['parts']} does so at once)"
        )
    lines["UNet"] = (
        f"{result['parameters'] / 1e6:,.1f} M parameters, {result['trainable'] / 1e6:,.1f} M "
        f"learn; {result['sample_flop'] / 1e9:,.1f} GFLOP a sample"
    )
    lines["training"] = f"{result['steps']:,} steps of {result['batch_size']} samples"
    if result["hours"] is not None:
        lines["training"] += (
            f", {result['hours']:,.1f} hours on {result['devices']} at "
            f"{result['images_per_second']:,.1f} images/s each"
        )
    if result["assumed"]:
        lines["assumed"] = f"{result['assumed']} is not on this machine: its family's shapes"
    for number, problem in enumerate(result["problems"]):
        lines[f"does not fit{'' if not number else ' either'}"] = problem
    return lines


def _size(count: int) -> str:
    """Return bytes in a unit that people read."""
    value = float(count)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:,.0f} {unit}" if unit == "bytes" else f"{value:,.1f} {unit}"
        value /= 1024
    return f"{value:,.1f} TiB"
