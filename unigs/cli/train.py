"""`unigs train`: train a pipeline on pixel shards, without the graph."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unigs.cli.device import Device
from unigs.cli.output import Overrides, print_result

EXAMPLES = (
    "unigs train --task entity --shards shards/entity --out trained",
    "unigs train --task joint --shards shards --out trained --steps 2000 --resume",
)


def train(
    task: Annotated[
        str, typer.Option(help="inpainting, synthesis, referring, entity, or joint for all four.")
    ],
    shards: Annotated[
        Path,
        typer.Option(help="Folder of a task's pixel shards, or with one such folder per task."),
    ],
    out: Annotated[Path, typer.Option(help="Output folder; the model is OUT/model.")],
    preset: Annotated[str, typer.Option(help="Preset name or .yaml file.")] = "tiny",
    steps: Annotated[int, typer.Option(min=0, help="Optimiser steps; 0: the preset's.")] = 0,
    resume: Annotated[
        bool, typer.Option("--resume", help="Resume from the newest checkpoint in OUT.")
    ] = False,
    device: Device = None,
    overrides: Overrides = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Train one task or the joint model; Ctrl-C saves a checkpoint first."""
    import signal

    from unigs.config.overrides import parse_overrides
    from unigs.config.preset import Preset, load_preset
    from unigs.errors import ConfigError, DataError, choices
    from unigs.tasks import TASKS

    tasks = list(TASKS) if task == "joint" else [task]
    if task != "joint" and task not in TASKS:
        raise ConfigError(f"unknown task {task!r}", hint=choices(task, ("joint", *TASKS)))
    changes = parse_overrides(Preset, overrides or ())
    load_preset(preset, changes)
    if not shards.is_dir():
        raise DataError("no such folder", file=shards, hint="give one that unigs shards built")
    from unigs.workflows.train_from_shards import train_from_shards

    asked: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda received, frame: asked.append(received))
    result = train_from_shards(
        preset, tasks, shards, out, steps, resume, lambda: bool(asked), changes, device
    )
    if result is not None:
        print_result(result, json)
