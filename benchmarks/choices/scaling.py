"""How the quality of a training grows with its steps: its checkpoints, evaluated one by one.

    python -m benchmarks.choices.scaling watch --checkpoints DIR --work DIR
        during a training: copies the averaged weights of every checkpoint, until stopped
    python -m benchmarks.choices.scaling evaluate --model DIR --shards DIR --work DIR [--limit 96]
        afterwards: the table, with the finished model as its last row

The learning rate of a checkpoint in the middle had not yet fallen, so a training planned for that
many steps would do better.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

from safetensors.torch import load_file

from benchmarks.choices.shapes_runs import evaluated, open_pipeline
from unigs.pipeline import UniGSPipeline
from unigs.tasks import TASKS

POLL_SECONDS = 2.0
EMA, STATE = "ema.safetensors", "state.json"


def watch(checkpoints: Path, work: Path) -> None:
    """Copy each new checkpoint's averaged weights to ``work/step-NNNNNNNN`` until interrupted."""
    work.mkdir(parents=True, exist_ok=True)
    while True:
        for folder in sorted(checkpoints.glob("step-*")):
            kept = work / folder.name
            if kept.exists():
                continue
            partial = work / f".{folder.name}"
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir()
            try:
                for name in (EMA, STATE):
                    shutil.copy2(folder / name, partial / name)
            except FileNotFoundError:  # Pruned in the meantime.
                continue
            partial.rename(kept)
            print(folder.name, flush=True)
        time.sleep(POLL_SECONDS)


def with_weights(pipeline: UniGSPipeline, checkpoint: Path) -> None:
    """Put the averaged weights of a checkpoint into the pipeline's UNet."""
    shadow = load_file(checkpoint / EMA)
    for index, parameter in enumerate(pipeline.unet.parameters()):
        parameter.data.copy_(shadow[str(index)])


def evaluate(model: Path, shards: Path, work: Path, limit: int, tasks: Sequence[str]) -> None:
    """Print `miou` / `recall_50` of some tasks, a row per checkpoint."""
    print(f"| step | {' | '.join(tasks)} |")
    print("|---:" * (len(tasks) + 1) + "|")
    for folder in [*sorted(work.glob("step-*")), None]:
        pipeline = open_pipeline(model)
        label = "end"
        if folder is not None:
            with_weights(pipeline, folder)
            label = str(json.loads((folder / STATE).read_text())["step"])
        cells = []
        for task in tasks:
            out = work / f"predictions-{label}-{task}"
            row = evaluated(pipeline, task, shards, out, limit=limit)
            cells.append(f"{row['miou']:.3f} / {row['recall_50']:.3f}")
        print(f"| {label} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    """Watch or evaluate."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    watching, evaluating = commands.add_parser("watch"), commands.add_parser("evaluate")
    watching.add_argument("--checkpoints", type=Path, required=True)
    evaluating.add_argument("--model", type=Path, required=True, help="folder of the pipeline")
    evaluating.add_argument(
        "--shards", type=Path, required=True, help="held-out, a folder per task"
    )
    evaluating.add_argument("--limit", type=int, default=96, help="samples per task")
    masked = [task.name for task in TASKS.values() if task.new_colormap]
    evaluating.add_argument("--tasks", nargs="+", choices=masked, default=masked)
    for command in (watching, evaluating):
        command.add_argument("--work", type=Path, required=True)
    options = parser.parse_args()
    if options.command == "evaluate":
        evaluate(options.model, options.shards, options.work, options.limit, options.tasks)
        return
    try:
        watch(options.checkpoints, options.work)
    except KeyboardInterrupt:
        print("stopped watching")


if __name__ == "__main__":
    main()
