"""One model for one task against the joint model, at equal numbers of referring samples seen.

    python -m benchmarks.choices.single_or_joint [--steps 300] [--work DIR]
    python -m benchmarks.choices.single_or_joint --store DIR [--work DIR]
        the joint model of a finished run of the preset (DIR holds models/ and shards/), so that
        only the single one is trained

The joint model draws a fifth of its samples from referring (supplementary section 6) and therefore
takes five times the steps; ``--single-batch`` evens that out. The goal: referring mIoU differs by
at most 0.05.
"""

from __future__ import annotations

import argparse
import json
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
from unigs.tasks import TASKS

TASK = "referring"


def main() -> None:
    """Train and evaluate both."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add_options(parser, steps=300)
    parser.add_argument("--store", type=Path, help="of a finished run, whose steps count")
    parser.add_argument("--single-batch", type=int, help="of the single one; fewer, more steps")
    options = parser.parse_args()
    ratios = chosen_preset(options, {}).training.ratios
    share = ratios[TASK] / sum(ratios.values())
    if options.store is not None:
        report = options.store / "weights" / "joint" / "training.json"
        options.steps = round(json.loads(report.read_text())["steps"] * share)
    preset = chosen_preset(options, {})
    longer = round(options.steps / share)
    seen = options.steps * preset.training.batch_size
    own = options.single_batch or preset.training.batch_size
    single = chosen_preset(options, {"training.batch_size": own})
    found = {}
    with work_folder(options.work) as work:
        if options.store is not None:
            train, val = (options.store / "shards" / split for split in ("train", "val"))
        else:
            train = shapes_shards(preset, work, "train", list(TASKS))
            val = shapes_shards(preset, work, "val", [TASK])
        for name, kind, tasks, steps in (
            ("single", single, [TASK], round(seen / own)),
            ("joint", preset, list(TASKS), longer),
        ):
            if options.store is not None and name == "joint":
                model = options.store / "models" / "joint" / "pipeline"
            else:
                model = learned(kind, work, name, tasks, train, steps)
            found[name] = evaluated(open_pipeline(model), TASK, val, work / f"evaluated-{name}")
            print(
                f"{name}: {steps} steps, {seen} referring samples, "
                f"miou {found[name]['miou']:.4f}, recall_50 {found[name]['recall_50']:.4f}",
                flush=True,
            )
    print(f"joint minus single, miou {found['joint']['miou'] - found['single']['miou']:.4f}")


if __name__ == "__main__":
    main()
