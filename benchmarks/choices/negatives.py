"""Prompts that name only absent classes: how often nothing is predicted (section 3.4).

    python -m benchmarks.choices.negatives --model DIR [--work DIR]    a trained model
    python -m benchmarks.choices.negatives [--steps 300] [--work DIR]  trains one on referring

Held-out scenes whose referring prompts have every class replaced by an absent one. The share of
predictions without an entity above the minimum area should be at least 0.9. For comparison, the
same share on ordinary prompts, which a model that never finds anything would have as well.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import numpy as np

from benchmarks.choices.shapes_runs import (
    add_options,
    chosen_preset,
    learned,
    open_pipeline,
    shapes_shards,
    work_folder,
)
from unigs.evaluation.predictions import PipelinePredictor
from unigs.pipeline import UniGSPipeline
from unigs.samples.sample import Sample
from unigs.shards.read import read_samples

TASK = "referring"


def quiet_share(
    pipeline: UniGSPipeline, samples: Iterable[Sample], min_area: float
) -> tuple[float, int]:
    """Share of predictions without an entity of `min_area` of the image, and their number."""
    source = PipelinePredictor(pipeline, TASK)
    quiet = []
    waiting = iter(samples)
    while batch := list(islice(waiting, 32)):
        for prediction in source(batch):
            assert prediction.segments is not None
            areas = np.bincount(prediction.segments.ravel())[1:]
            quiet.append(not (areas >= min_area * prediction.segments.size).any())
    return float(np.mean(quiet)), len(quiet)


def main() -> None:
    """Evaluate the model that is given, or train one."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", type=Path, help="folder of a pipeline")
    add_options(parser, steps=300)
    options = parser.parse_args()
    with work_folder(options.work) as work:
        preset = chosen_preset(options, {})
        model = options.model
        if model is None:
            train = shapes_shards(preset, work, "train", [TASK])
            model = learned(preset, work, "referring", [TASK], train, options.steps)
        pipeline = open_pipeline(model)
        absent = chosen_preset(options, {"data.negative_probability": 1.0})
        all_absent = shapes_shards(absent, work, "val", [TASK], "-absent") / TASK
        ordinary = shapes_shards(preset, work, "val", [TASK]) / TASK
        for name, samples in (
            ("only absent classes", (s for s in read_samples(all_absent) if not s.entities)),
            ("classes that are there", (s for s in read_samples(ordinary) if s.entities)),
        ):
            share, count = quiet_share(pipeline, samples, preset.data.min_area)
            print(f"{name}: {share:.4f} of {count} predictions without an entity", flush=True)


if __name__ == "__main__":
    main()
