"""What generation costs against direct prediction: the preset's UNet trained by cross-entropy.

    python -m benchmarks.photographs.supervised_segmenter --run STORE/coco_panoptic-photo --work DIR
        [--preset photo] [--set NAME=VALUE ...] [--seeds 0 1 2] [--share 1.0]
        [--latents-alone] [--beside DIR-OF-benchmarks.photographs.unification]

The counterpart of the paper's Tables 5 and 6. From a finished run of `unigs run` it takes the
samples of the entity task (train and val), the autoencoder and the held-out shards. The same trunk
as the preset's, with a small head that also sees the pixels, learns class maps from the same
samples, in as many operations (forward and backward) as the preset's training has; optimiser,
schedule, averages and early stopping are the preset's. With `--latents-alone` the head sees no
pixels: the network knows what a generative one knows. An entity is every connected part of a class
(a class that no training picture has twice is one entity); referring cuts the class map by the
coarse mask and takes the classes that the prompt names. Both go through the evaluation code that
the model goes through. Each finished seed is kept as JSON in `--work` and not trained again: one
folder for each run and `--share` of the preset's steps.

`--beside` reads the generative trainings that `benchmarks.photographs.unification` kept and prints
a second table: theirs of the same operations, joint and single, by the supervised network's, paired
by seed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.photographs.parts.class_maps import read_class_maps
from benchmarks.photographs.parts.direct_unet import (
    EVALUATED,
    DirectPredictor,
    encoded,
    fresh,
    sample_flop,
    train_direct,
)
from benchmarks.photographs.parts.options import add_trainings, run_parser
from benchmarks.photographs.parts.seeds import interval_text
from benchmarks.photographs.parts.shortened import shortened
from benchmarks.photographs.parts.unet_flop import training_flop
from benchmarks.photographs.unification import read_results
from unigs.config.overrides import parse_overrides
from unigs.config.preset import Preset
from unigs.evaluation.evaluate import evaluate_predictor
from unigs.evaluators.bundle import Evaluators
from unigs.io.files import replacing
from unigs.models.autoencoder import load_autoencoder
from unigs.tasks import TASKS

SHOWN = ("miou", "recall_50", "ap_e", "pq")


def main() -> None:
    """Train and evaluate each seed that is not finished, print the table."""
    parser = run_parser(__doc__)
    add_trainings(parser, share=1.0, seeds=[0])
    parser.add_argument("--latents-alone", action="store_true", help="the head sees no pixels")
    parser.add_argument("--beside", type=Path, help="what benchmarks.photographs.unification kept")
    options = parser.parse_args()
    changes = parse_overrides(Preset, options.overrides)
    options.work.mkdir(parents=True, exist_ok=True)
    results = []
    for seed in options.seeds:
        place = options.work / f"direct{'-latents' * options.latents_alone}-{seed}"
        file = place.with_suffix(".json")
        if not file.is_file():
            preset = shortened(options.preset, changes, options.share, seed)
            result = measured(options.run, preset, place, not options.latents_alone)
            with replacing(file) as partial:
                partial.write_text(json.dumps(result, indent=1))
        results.append(json.loads(file.read_text()))
    print("| task | " + " | ".join(f"`{name}`" for name in SHOWN) + " |")
    print("|---|" + "---:|" * len(SHOWN))
    for task in EVALUATED:
        cells = [interval_text([r["metrics"][task][name] for r in results]) for name in SHOWN]
        print(f"| {task} | {' | '.join(cells)} |")
    if options.beside:
        print(ratios(results, read_results(options.beside)))


def ratios(direct: list[dict[str, Any]], generative: dict[str, dict[int, dict[str, Any]]]) -> str:
    """Return a table in Markdown: variants of generative trainings by direct ones of the same seed
    and operations, and the ratio of their metrics."""
    lines = ["| variant | task | metric | generative | direct | ratio | seeds |"]
    lines.append("|---|---|---|---:|---:|---:|---:|")
    for variant in ("joint", *EVALUATED):
        for task in EVALUATED:
            pairs = [
                (generative[variant][one["seed"]]["metrics"][task], one["metrics"][task])
                for one in direct
                if one["seed"] in generative[variant]
                and generative[variant][one["seed"]]["steps"] == one.get("generative_steps")
                and task in generative[variant][one["seed"]]["metrics"]
            ]
            for name in SHOWN if pairs else ():
                made, told = (
                    [float(side[name]) for side in sides] for sides in zip(*pairs, strict=True)
                )
                quotient = [a / b for a, b in zip(made, told, strict=True) if b > 0]
                cells = (made, told, quotient)
                lines.append(
                    f"| {variant} | {task} | `{name}` | "
                    f"{' | '.join(map(interval_text, cells))} | {len(pairs)} |"
                )
    return "\n".join(lines)


def measured(run: Path, preset: Preset, out: Path, sees_pixels: bool) -> dict[str, Any]:
    """Train one seed and evaluate it; return what is kept of it."""
    autoencoder = load_autoencoder(run / "components" / "autoencoder")
    data = encoded(read_class_maps(run / "shards" / "train" / "entity"), autoencoder)
    names = data.maps.names
    held_out = encoded(read_class_maps(run / "shards" / "val" / "entity", names), autoencoder)
    net = fresh(preset, autoencoder, len(names), sees_pixels)
    direct, generative = sample_flop(net, data), training_flop(preset, autoencoder)
    assert preset.training.steps is not None, "a preset with training.steps"
    steps = max(1, round(preset.training.steps * generative / direct))
    print(f"{len(data.latents)} samples, {len(names)} classes, {steps} steps", flush=True)
    curve: list[dict[str, float]] = []

    def log(step: int, values: dict[str, float]) -> None:
        curve.append({"step": step, **values})
        print(f"step {step}: {values}", flush=True)

    best = train_direct(net, data, held_out, preset.training, steps, log)
    metrics = {}
    for task in EVALUATED:
        predictor = DirectPredictor(
            net, autoencoder, names, data.maps.single, TASKS[task], preset.data.min_area
        )
        metrics[task] = evaluate_predictor(
            predictor, task, run / "shards" / "val" / task, Evaluators(), out / task,
            limit=preset.evaluation.scenes, baselines=False,
        ).named()  # fmt: skip
    return {
        "seed": preset.training.seed,
        "sees_pixels": sees_pixels,
        "steps": steps,
        "generative_steps": preset.training.steps,
        "best_step": best.step,
        "sample_flop": direct,
        "generative_sample_flop": generative,
        "parameters": sum(p.numel() for p in net.parameters()),
        "single": sorted(data.maps.single),
        "curve": curve,
        "metrics": metrics,
    }


if __name__ == "__main__":
    main()
