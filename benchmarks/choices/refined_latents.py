"""Whether a model learns refined latents of colormaps as well as those of the encoder.

    python -m benchmarks.choices.refined_latents --autoencoder TAESD [--steps 800]
        [--refine-steps 0 8] [--size 128] [--train-scenes 1000] [--work DIR]

One training of the same budget for each number of steps, on the latents of a pretrained
autoencoder, evaluated on held-out scenes, with the upper bound of its codec.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.choices.shapes_runs import (
    add_options,
    chosen_preset,
    learned,
    open_pipeline,
    shapes_shards,
    work_folder,
)
from unigs.evaluation.baselines import Codec
from unigs.evaluation.evaluate import evaluate
from unigs.evaluators.bundle import Evaluators

TASK = "entity"
METRICS = ("miou", "recall_50", "codec_ceiling.miou", "codec_ceiling.recall_50")


def main() -> None:
    """Train and evaluate each."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--autoencoder", required=True)
    parser.add_argument("--refine-steps", type=int, nargs="+", default=[0, 8])
    parser.add_argument("--size", type=int, default=128)
    add_options(parser, steps=800)
    options = parser.parse_args()
    print(f"| steps of refinement | {' | '.join(f'`{name}`' for name in METRICS)} |")
    print(f"|---:|{'---:|' * len(METRICS)}")
    with work_folder(options.work) as work:
        for refine_steps in options.refine_steps:
            preset = chosen_preset(
                options,
                {
                    "autoencoder.source": options.autoencoder,
                    "codec.refine_steps": refine_steps,
                    "data.size": options.size,
                },
            )
            train, val = (shapes_shards(preset, work, split, [TASK]) for split in ("train", "val"))
            name = f"{Path(options.autoencoder).name}-{options.size}-refined-{refine_steps}"
            model = learned(preset, work, name, [TASK], train, options.steps)
            pipeline = open_pipeline(model)
            out = work / f"evaluated-{name}"
            found = evaluate(
                pipeline, TASK, val / TASK, Evaluators(), out, codec=Codec.of(pipeline)
            ).named()
            row = " | ".join(f"{found[name]:.3f}" for name in METRICS)
            print(f"| {refine_steps} | {row} |", flush=True)


if __name__ == "__main__":
    main()
