"""What each of the preset's choices for short trainings is worth: one is taken back at a time.

    python -m benchmarks.choices.learning [--steps 600] [--choices all adamw ...] [--work DIR]

Trains the two segmentation tasks together from scratch, once as the preset says and once without
each choice, and evaluates them on held-out scenes.
"""

from __future__ import annotations

import argparse
from typing import Any

from benchmarks.choices.shapes_runs import (
    add_options,
    chosen_preset,
    evaluated,
    learned,
    open_pipeline,
    shapes_shards,
    work_folder,
)

TASKS = ("referring", "entity")
# The rate of AdamW is the best of those tried for it.
CHOICES: dict[str, dict[str, Any]] = {
    "all": {},
    "adamw": {"training.optimizer": "adamw", "training.learning_rate": 1.5e-3},
    "chessboard": {"codec.palette": "smooth-5-v1"},
    "squares": {"training.colormap_loss": "squared"},
    "noise": {"diffusion.zero_initial_noise": []},
    "pixels": {"training.entity_balance": False},
}


def main() -> None:
    """Train and evaluate each."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--choices", nargs="+", choices=CHOICES, default=list(CHOICES))
    add_options(parser, steps=600)
    options = parser.parse_args()
    print("| without | task | `miou` | `recall_50` |\n|---|---|---:|---:|")
    with work_folder(options.work) as work:
        for name in options.choices:
            preset = chosen_preset(options, CHOICES[name])
            train, val = (shapes_shards(preset, work, split, TASKS) for split in ("train", "val"))
            model = learned(preset, work, name, TASKS, train, options.steps)
            for task in TASKS:
                row = evaluated(open_pipeline(model), task, val, work / f"evaluated-{name}-{task}")
                print(
                    f"| {name} | {task} | {row['miou']:.3f} | {row['recall_50']:.3f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
