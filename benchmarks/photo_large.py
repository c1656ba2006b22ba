"""Ten minutes of training on one accelerator: the preset photo-large on the mix of photographs.

    python -m benchmarks.photo_large --root PHOTOS --work DIR --out DIR [--seconds 600]
        [--set autoencoder.source=DIR] [--set training.batch_size=256] ...
    python -m benchmarks.photo_large --dry --work DIR --out DIR     the same way in miniature
    python -m benchmarks.photo_large --unpack OUT --work DIR [--set ...]    the pipeline, elsewhere

Builds shards and latents (outside the time), takes a few steps to see the speed, trains as many as
`--seconds` have room for, evaluates the held-out photographs of the mix with upper bounds and
baselines, and writes into `--out`: results.json (speed, curve, metrics), grid.png and the weights,
packed in 8 bits, in files of at most 16 MiB; they are evaluated again as they were packed.
`--unpack` makes a pipeline of them, given the same settings and the autoencoder.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.photographs.parts.packed import TOTAL_BYTES, pack, unpack
from benchmarks.photographs.parts.prepared import Prepared, prepare
from unigs.config.overrides import parse_overrides
from unigs.config.preset import Preset, load_preset
from unigs.datasets.shapes.generate import write_shapes
from unigs.evaluation.baselines import Codec
from unigs.evaluation.evaluate import GRID_FILE, evaluate
from unigs.evaluation.grid import stack_grids
from unigs.evaluation.run import on_device
from unigs.evaluators.bundle import Evaluators
from unigs.io.device import this_device
from unigs.io.machine import machine
from unigs.models.autoencoder import load_autoencoder
from unigs.models.components import fresh_unet, make_text_encoder
from unigs.models.text import load_text_encoder
from unigs.pipeline import UniGSPipeline
from unigs.pipeline.assemble import assemble
from unigs.tasks import TASKS
from unigs.training.run import TrainingJob, run_job

PROBE_STEPS, DRY_PROBE = 40, 6
# Of the time, for validations and what else is no step.
SPARED = 0.95
DRY = {
    "data.size": 32,
    "data.variants": 1,
    "autoencoder.source": None,
    "autoencoder.patch_size": 2,
    "autoencoder.latent_channels": 4,
    "unet.architecture.block_out_channels": [16, 16, 16],
    "unet.architecture.attention_head_dim": 4,
    "training.batch_size": 8,
    "training.compile": False,
    "training.precision": "fp32",
    "training.warmup_steps": 1,
    "training.validate_every": 4,
    "training.validation_batches": 1,
    "evaluation.scenes": 4,
}


def main() -> None:
    """Go the way, or unpack."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", default="photo-large")
    parser.add_argument("--root", type=Path, help="folder of the data sets of the mix")
    parser.add_argument("--work", type=Path, required=True, help="data and checkpoints")
    parser.add_argument("--out", type=Path, help="what is brought back")
    parser.add_argument("--seconds", type=float, default=600.0, help="of training")
    parser.add_argument("--steps", type=int, help="in place of --seconds")
    parser.add_argument("--scenes", type=int, help="at most, of each split of a data set")
    parser.add_argument("--set", action="append", default=[], dest="overrides")
    parser.add_argument("--dry", action="store_true", help="miniature sizes, drawn scenes")
    parser.add_argument("--unpack", type=Path, help="an --out that was brought back")
    options = parser.parse_args()
    changes = (DRY if options.dry else {}) | parse_overrides(Preset, options.overrides)
    preset = load_preset(options.preset, changes)
    if options.unpack is not None:
        print(unpacked(preset, options.unpack, options.work))
        return
    if options.dry:
        options.root, options.steps, options.scenes = options.work / "drawn", 8, 6
        draw(preset, options.root)
    if options.out is None or options.root is None:
        parser.error("give --root and --out")
    options.out.mkdir(parents=True, exist_ok=True)
    results = trained(preset, options)
    print(json.dumps(results["metrics"], indent=1))


def draw(preset: Preset, root: Path) -> None:
    """Write drawn scenes in the place of every data set of the mix."""
    for number, name in enumerate(preset.data.mix):
        write_shapes(root / name, train=6, val=4, size=preset.data.size, seed=number)


def trained(preset: Preset, options: argparse.Namespace) -> dict[str, Any]:
    """Prepare, train, evaluate, pack; return and write the results."""
    began = time.monotonic()
    results: dict[str, Any] = {"preset": preset.model_dump(mode="json"), "seconds": {}}

    def spent(what: str) -> None:
        nonlocal began
        results["seconds"][what] = round(time.monotonic() - began, 1)
        print(f"{what}: {results['seconds'][what]} s", flush=True)
        began = time.monotonic()

    workers = 1 if options.dry else max(1, (os.cpu_count() or 2) - 2)
    data = prepare(preset, str(options.root), options.work, workers, options.scenes)
    spent("shards and latents")
    results["device"] = str(machine(this_device()))
    steps = options.steps
    if steps is None or options.dry:
        probe = DRY_PROBE if options.dry else PROBE_STEPS
        fitting = fitting_steps(preset, data, options.work, options.seconds, probe)
        steps = steps or fitting
        results["fitting_steps"] = fitting
    spent("probe")
    curve = results["curve"] = []

    def log(step: int, metrics: dict[str, float]) -> None:
        curve.append({"step": step, **metrics})
        if step % 200 == 0 or "validation_loss" in metrics:
            print({name: round(value, 4) for name, value in curve[-1].items()}, flush=True)

    job = job_of(preset, data, options.work / "training", steps)
    unet, report = run_job(job, log)
    results["training"] = asdict(report)
    spent("training")
    pipeline = on_device(assembled(preset, unet, data), this_device())
    results["metrics"] = evaluated(pipeline, preset, data, options.work / "evaluated", True)
    grids = [options.work / "evaluated" / task / GRID_FILE for task in TASKS]
    stack_grids(grids, options.out / GRID_FILE)
    spent("evaluation")
    files = pack(unet.state_dict(), options.out)
    unet.load_state_dict(unpack(files))
    results["packed"] = evaluated(pipeline, preset, data, options.work / "packed", False)
    results["class_names"] = list(data.class_names)
    spent("packing and evaluation")
    total = sum(file.stat().st_size for file in files)
    results["packed_bytes"] = total
    if total > TOTAL_BYTES:
        print(f"the packed weights have {total} bytes, more than {TOTAL_BYTES}", flush=True)
    (options.out / "results.json").write_text(json.dumps(results, indent=1))
    return results


def job_of(preset: Preset, data: Prepared, place: Path, steps: int) -> TrainingJob:
    """Return the training of so many steps."""
    training = preset.training.model_copy(update={"steps": steps})
    preset = preset.model_copy(update={"training": training})
    return TrainingJob(preset, data.train, data.validation, data.encoders, place)


def fitting_steps(preset: Preset, data: Prepared, work: Path, seconds: float, probe: int) -> int:
    """Return how many steps fit, by the last of `probe` steps, which are not kept; the first ones
    compile, for the training as well where the compiler keeps what it made."""
    ends: list[float] = []

    def stop() -> bool:
        ends.append(time.monotonic())
        return False

    place = work / "probe"
    # No validation and no checkpoint but the last.
    training = preset.training.model_copy(
        update={"validate_every": probe, "checkpoint_every": probe}
    )
    shorter = preset.model_copy(update={"training": training})
    run_job(job_of(shorter, data, place, probe), should_stop=stop)
    shutil.rmtree(place)
    steady = ends[probe // 2 : -1]
    step = (steady[-1] - steady[0]) / (len(steady) - 1)
    print(f"{step:.4f} s a step, {preset.training.batch_size / step:.0f} samples/s", flush=True)
    return max(1, int(SPARED * seconds / step))


def assembled(preset: Preset, unet: Any, data: Prepared) -> UniGSPipeline:
    """Return the pipeline of a trained UNet, which shows no bars."""
    tokenizer, text_encoder = load_text_encoder(data.encoders.text_encoder)
    autoencoder = load_autoencoder(data.encoders.autoencoder)
    pipeline = assemble(preset, unet, autoencoder, tokenizer, text_encoder, list(TASKS))
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def evaluated(
    pipeline: UniGSPipeline, preset: Preset, data: Prepared, out: Path, beside: bool
) -> dict[str, dict[str, float]]:
    """Return the metrics of all tasks on the held-out samples, with baselines and upper bounds if
    `beside`."""
    codec = Codec.of(pipeline) if beside else None
    return {
        task: evaluate(
            pipeline, task, data.held_out[task], Evaluators(), out / task,
            preset.evaluation.scenes, batch_size=preset.evaluation.batch_size, codec=codec,
            baselines=beside,
        ).named()
        for task in TASKS
    }  # fmt: skip


def unpacked(preset: Preset, folder: Path, work: Path) -> Path:
    """Make a pipeline of what was brought back; return its folder."""
    results = json.loads((folder / "results.json").read_text())
    if preset.autoencoder.source is None:
        raise SystemExit("the fitted autoencoder of a dry run is not packed")
    autoencoder = load_autoencoder(preset.autoencoder.source)
    most = max(preset.data.train_entities, preset.data.test_entities)
    tokenizer, text_encoder = make_text_encoder(preset.text, results["class_names"], most)
    unet = fresh_unet(preset, autoencoder)
    unet.load_state_dict(unpack(sorted(folder.glob("weights-*.safetensors"))))
    pipeline = assemble(preset, unet, autoencoder, tokenizer, text_encoder, list(TASKS))
    pipeline.save_pretrained(work / "model")
    return work / "model"


if __name__ == "__main__":
    main()
