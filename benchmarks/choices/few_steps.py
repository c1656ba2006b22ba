"""Segmentation with few sampling steps: quality and time of an image by number of steps.

    python -m benchmarks.choices.few_steps --model DIR --shards DIR
        a trained model, folders of shards
    python -m benchmarks.choices.few_steps [--steps 300] [--work DIR]
        trains a joint model first

Goals: at no more than 4 steps at least 0.98 of the best mIoU of all rows, and an image at least
ten times faster than with 50 steps. Times are of the pipeline alone, batches of 16, the median of
rounds in which every number of steps takes its turn.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from benchmarks.choices.shapes_runs import (
    add_options,
    chosen_preset,
    evaluated,
    learned,
    open_pipeline,
    shapes_shards,
    work_folder,
)
from unigs.evaluation.predictions import PipelinePredictor
from unigs.pipeline import UniGSPipeline
from unigs.shards.read import read_samples
from unigs.tasks import TASKS

EVALUATED = ("entity", "referring")
STEPS = (1, 2, 4, 10, 50)
BATCH, FEW = 16, 4


def seconds_an_image(
    pipeline: UniGSPipeline, task: str, shards: Path, rounds: int
) -> dict[int, float]:
    """Steps -> median time of an image."""
    samples = list(islice(read_samples(shards / task), BATCH))
    times: dict[int, list[float]] = {steps: [] for steps in STEPS}
    for number in range(rounds + 1):
        for steps in STEPS:
            source = PipelinePredictor(pipeline, task, options={"num_inference_steps": steps})
            start = time.perf_counter()
            source(samples)
            # The first round warms up.
            if number:
                times[steps].append((time.perf_counter() - start) / len(samples))
    return {steps: statistics.median(values) for steps, values in times.items()}


def table(model: Path, shards: Path, work: Path, rounds: int, tasks: Sequence[str]) -> None:
    """Print a row per task and number of steps, and how far the goals are reached."""
    pipeline = open_pipeline(model)
    print("| task | steps | `miou` | `recall_50` | s an image | times faster than 50 |")
    print("|---|---:|---:|---:|---:|---:|")
    for task in tasks:
        quality = {
            steps: evaluated(
                pipeline, task, shards, work / f"few-{task}-{steps}", num_inference_steps=steps
            )
            for steps in STEPS
        }
        seconds = seconds_an_image(pipeline, task, shards, rounds)
        for steps in STEPS:
            row = quality[steps]
            print(
                f"| {task} | {steps} | {row['miou']:.4f} | {row['recall_50']:.4f} | "
                f"{seconds[steps]:.4f} | {seconds[STEPS[-1]] / seconds[steps]:.1f} |"
            )
        best = max(row["miou"] for row in quality.values())
        few = max((steps for steps in STEPS if steps <= FEW), key=lambda n: quality[n]["miou"])
        print(
            f"{task}: {few} steps reach {quality[few]['miou'] / best:.3f} of the best and are "
            f"{seconds[STEPS[-1]] / seconds[few]:.1f} times faster than {STEPS[-1]}\n",
            flush=True,
        )


def main() -> None:
    """Evaluate the model that is given, or train one."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", type=Path, help="folder of a pipeline")
    parser.add_argument("--shards", type=Path, help="folder with entity/ and referring/ shards")
    parser.add_argument("--rounds", type=int, default=3, help="of the timing")
    parser.add_argument("--tasks", nargs="+", choices=EVALUATED, default=EVALUATED)
    add_options(parser, steps=300)
    options = parser.parse_args()
    if (options.model is None) != (options.shards is None):
        parser.error("give --model and --shards, or neither")
    with work_folder(options.work) as work:
        model, shards = options.model, options.shards
        if model is None:
            preset = chosen_preset(options, {})
            train = shapes_shards(preset, work, "train", list(TASKS))
            shards = shapes_shards(preset, work, "val", EVALUATED)
            model = learned(preset, work, "joint", list(TASKS), train, options.steps)
        table(model, shards, work, options.rounds, options.tasks)


if __name__ == "__main__":
    main()
