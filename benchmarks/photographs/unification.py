"""Whether the unification helps: with and without the colormap half, alone and joint, in located
and in random colours.

    python -m benchmarks.photographs.unification --run STORE/coco_panoptic-photo --work DIR
        [--share 0.25] [--seeds 0 1 2] [--variants joint referring ...] [--minutes 60]
        [--set NAME=VALUE ...] [--root DIR]
    python -m benchmarks.photographs.unification --work DIR --table    of what is finished

Every training has the same number of steps, `--share` of the preset's, and the same batches: equal
operations. It reads samples, latents and evaluators of a finished run (`unigs run`). Each finished
training is kept as JSON in `--work`, and the next call goes on with the next one, seed by seed; one
that was interrupted resumes. The tables show means over seeds with Student's 95 % intervals, and
differences between two variants paired by seed.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.photographs.parts.options import add_root, add_trainings, run_parser
from benchmarks.photographs.parts.run_folder import RunFolder, Samples, by_metric
from benchmarks.photographs.parts.seeds import interval_text, mean_interval
from benchmarks.photographs.parts.shortened import shortened
from unigs.colormap import Palette
from unigs.config.overrides import parse_overrides
from unigs.config.preset import Preset, load_preset
from unigs.evaluation.evaluate import evaluate
from unigs.io.files import replacing
from unigs.models.autoencoder import load_autoencoder
from unigs.models.text import load_text_encoder
from unigs.pipeline.assemble import assemble
from unigs.tasks import TASKS
from unigs.training.checkpoint import CHECKPOINTS
from unigs.training.run import TrainingJob, run_job

SEGMENTATION = ("miou", "recall_50")
IMAGES = ("frechet_distance", "clip_i_region", "miou")
METRICS = {name: IMAGES if task.new_image else SEGMENTATION for name, task in TASKS.items()}
SMALLER_IS_BETTER = ("frechet_distance",)


@dataclass(frozen=True)
class Variant:
    """One way to train: its tasks and what differs from the preset."""

    tasks: tuple[str, ...]
    changes: dict[str, Any] = field(default_factory=dict)
    random_colours: bool = False


WITHOUT = {"training.colormap_half": False}
VARIANTS = {
    "joint": Variant(tuple(TASKS)),
    "inpainting": Variant(("inpainting",)),
    "inpainting, image alone": Variant(("inpainting",), WITHOUT),
    "synthesis": Variant(("synthesis",)),
    "synthesis, image alone": Variant(("synthesis",), WITHOUT),
    "referring": Variant(("referring",)),
    "entity": Variant(("entity",)),
    "joint, random colours": Variant(tuple(TASKS), random_colours=True),
}
# What is claimed, the variant that should win, the one that should lose, and on which tasks.
HALF = "the colormap half helps"
CLAIMS = (
    (HALF, "inpainting", "inpainting, image alone", ("inpainting",)),
    (HALF, "synthesis", "synthesis, image alone", ("synthesis",)),
    *(("joint is better than alone", "joint", task, (task,)) for task in TASKS),
    ("located colours help", "joint", "joint, random colours", tuple(TASKS)),
)


def main() -> None:
    """Train and evaluate what is not finished yet, print the tables."""
    parser = run_parser(__doc__, run_required=False)
    add_root(parser)
    add_trainings(parser, share=0.25, seeds=[0, 1, 2])
    parser.add_argument("--variants", nargs="+", choices=list(VARIANTS), default=list(VARIANTS))
    parser.add_argument("--minutes", type=float, default=math.inf, help="begin none after these")
    parser.add_argument("--table", action="store_true", help="train nothing")
    options = parser.parse_args()
    if not options.table:
        if options.run is None:
            parser.error("give --run, or --table")
        train_all(options)
    print(tables(read_results(options.work)))


def train_all(options: argparse.Namespace) -> None:
    """Go through seeds and variants until all are finished or the time is over."""
    began = time.monotonic()
    changes = parse_overrides(Preset, options.overrides)
    for seed in options.seeds:
        for name in options.variants:
            place = options.work / f"{name.replace(', ', '-').replace(' ', '-')}-{seed}"
            if place.with_suffix(".json").is_file():
                continue
            if time.monotonic() - began > 60 * options.minutes:
                return
            print(f"{name}, seed {seed}", flush=True)
            preset = variant_preset(options.preset, changes, VARIANTS[name], seed, options.share)
            run, variant = RunFolder(options.run, options.root), VARIANTS[name]
            samples = (
                run.rebuilt(preset, variant.tasks, place.parent / "random colours")
                if variant.random_colours
                else run.samples(variant.tasks)
            )
            result = trained(run, preset, variant.tasks, samples, place)
            with replacing(place.with_suffix(".json")) as partial:
                partial.write_text(json.dumps({"variant": name, "seed": seed, **result}, indent=1))
            shutil.rmtree(place / CHECKPOINTS, ignore_errors=True)


def variant_preset(
    name: str, changes: dict[str, Any], variant: Variant, seed: int, share: float
) -> Preset:
    """Return the preset with a variant's changes, a share of its steps and another seed."""
    changed = {**changes, **variant.changes}
    if variant.random_colours:
        grid = Palette.from_name(load_preset(name, changes).codec.palette).grid
        changed["codec.palette"] = f"random-{grid}-v1"
    return shortened(name, changed, share, seed)


def trained(
    run: RunFolder, preset: Preset, tasks: Sequence[str], samples: Samples, place: Path
) -> dict[str, Any]:
    """Train, resuming in `place`, and evaluate on the held-out samples; return what is kept."""
    encoders = run.encoders(preset)
    job = TrainingJob(preset, samples.train, samples.validation, encoders, place)
    curve: list[dict[str, float]] = []

    def log(step: int, metrics: dict[str, float]) -> None:
        if "validation_loss" in metrics:
            curve.append({"step": step, "validation_loss": metrics["validation_loss"]})
            print(f"  step {step}: validation loss {metrics['validation_loss']:.4f}", flush=True)

    unet, report = run_job(job, log)
    tokenizer, text_encoder = load_text_encoder(encoders.text_encoder)
    autoencoder = load_autoencoder(encoders.autoencoder)
    pipeline = assemble(preset, unet, autoencoder, tokenizer, text_encoder, tasks)
    pipeline.set_progress_bar_config(disable=True)
    metrics = {
        task: by_metric(
            evaluate(
                pipeline, task, samples.held_out[task], run.evaluators(), place / task,
                preset.evaluation.scenes, baselines=False,
            )
        )
        for task in tasks
    }  # fmt: skip
    ratios = preset.training.ratios
    total = sum(ratios[task] for task in tasks)
    seen = report.steps * preset.training.batch_size
    return {
        "steps": preset.training.steps,
        "best_step": report.best_step,
        "seconds": report.seconds,
        "samples": {task: round(seen * ratios[task] / total) for task in tasks},
        "curve": curve,
        "metrics": metrics,
    }


def read_results(work: Path) -> dict[str, dict[int, dict[str, Any]]]:
    """Return variant -> seed -> what was kept."""
    found: dict[str, dict[int, dict[str, Any]]] = {name: {} for name in VARIANTS}
    for file in sorted(work.glob("*.json")):
        result = json.loads(file.read_text())
        found[result["variant"]][result["seed"]] = result
    return found


def tables(results: dict[str, dict[int, dict[str, Any]]]) -> str:
    """Return two tables in Markdown: the variants, and the claims as differences paired by seed.

    Trainings of other lengths are another experiment: a variant has a row for each length, and only
    equal ones are paired. Without a pair there is no second table.
    """
    lines = ["| variant | task | metric | value | seeds | steps |", "|---|---|---|---:|---:|---:|"]
    for name, by_seed in results.items():
        for steps in sorted({result["steps"] for result in by_seed.values()}):
            equal = {seed: r for seed, r in by_seed.items() if r["steps"] == steps}
            for task in VARIANTS[name].tasks:
                for metric in metrics_of(name, task):
                    if values := list(measured(equal, task, metric).values()):
                        cells = f"{interval_text(values)} | {len(values)} | {steps}"
                        lines.append(f"| {name} | {task} | `{metric}` | {cells} |")
    differences = []
    for claim, better, worse, tasks in CLAIMS:
        for task in tasks:
            for metric in metrics_of(worse, task):
                differences += _compared(claim, results[better], results[worse], task, metric)
    if differences:
        lines += ["", "| claim | task | metric | difference | seeds | holds |"]
        lines += ["|---|---|---|---:|---:|---|", *differences]
    return "\n".join(lines)


def metrics_of(variant: str, task: str) -> tuple[str, ...]:
    """Return the metrics that say something of a variant: without a colormap half it has no
    entities of its own, only those that the set's segmenter finds in images of synthesis."""
    blind = VARIANTS[variant].changes == WITHOUT and TASKS[task].new_colormap
    return tuple(name for name in METRICS[task] if not (blind and name == "miou"))


def _compared(
    claim: str,
    better: dict[int, dict[str, Any]],
    worse: dict[int, dict[str, Any]],
    task: str,
    metric: str,
) -> list[str]:
    first, second = measured(better, task, metric), measured(worse, task, metric)
    seeds = [s for s in first if s in second and better[s]["steps"] == worse[s]["steps"]]
    if not seeds:
        return []
    gains = [first[seed] - second[seed] for seed in seeds]
    mean, half = mean_interval(gains)
    gain = -mean if metric in SMALLER_IS_BETTER else mean
    said = "one seed" if math.isnan(half) else "yes" if gain > half else "no"
    if said == "no" and gain < -half:
        said = "the contrary"
    return [f"| {claim} | {task} | `{metric}` | {interval_text(gains)} | {len(seeds)} | {said} |"]


def measured(by_seed: dict[int, dict[str, Any]], task: str, metric: str) -> dict[int, float]:
    """Return seed -> value of a metric, where it has one."""
    found = {seed: result["metrics"][task].get(metric) for seed, result in by_seed.items()}
    return {seed: value for seed, value in found.items() if value is not None and value == value}


if __name__ == "__main__":
    main()
