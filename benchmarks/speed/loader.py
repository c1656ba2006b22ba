"""How much faster latents are loaded than a trainer consumes them, in one process.

    OMP_NUM_THREADS=1 python -m benchmarks.speed.loader [--preset tiny] [--scenes 64] [--rounds 5]
    OMP_NUM_THREADS=1 python -m benchmarks.speed.loader --full [--rounds 5]

Batches of the joint model come through `MixedStream` from latents of generated scenes, of the
preset's size and batch; a training step is the preset's own (forward, backward, optimiser, moving
average), on one core. CPU seconds of this process, rounds of loading and training in turn,
medians. A tiny preset's step takes about a second: five rounds of two steps, half a minute.

`--full` prepares batches of Stable Diffusion 1.5's size alone: latents of 64x64 with their
deviations in a mapped file, drawn anew, with noise and prompts of 77 tokens. An accelerator takes
as many samples a second as it can train on, which this must exceed.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import torch

from benchmarks.accelerator_parts.bench import Sizes
from benchmarks.accelerator_parts.latents import latent_stream
from benchmarks.choices.shapes_runs import shapes_shards
from unigs.config.preset import load_preset
from unigs.latents.build import build_latents
from unigs.latents.stores import Encoders, training_stream
from unigs.models.components import fresh_unet, make_autoencoder, make_text_encoder
from unigs.shards.manifest import read_manifest
from unigs.tasks import TASKS
from unigs.training.loop import train
from unigs.training.step_draws import prepare_step

LOADED = 50
STEPS = 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", default="tiny")
    parser.add_argument("--scenes", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--full", action="store_true", help="at Stable Diffusion 1.5's size")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.full:
        full(options.rounds)
        return
    few = {"data.train_scenes": options.scenes, "data.val_scenes": 1, "training.steps": STEPS}
    preset = load_preset(options.preset, few)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        shards = shapes_shards(preset, work, "train", list(TASKS))
        autoencoder = make_autoencoder(preset.autoencoder, [shards / task for task in TASKS])
        names = read_manifest(shards / "entity").configuration["options"]["class_names"]
        tokenizer, encoder = make_text_encoder(preset.text, names, preset.data.train_entities)
        latents = {task: work / "latents" / task for task in TASKS}
        for task, place in latents.items():
            build_latents(shards / task, place, autoencoder, encoder, tokenizer)
        stream = training_stream(preset, latents, Encoders(work, work, 0))
        unet = fresh_unet(preset, autoencoder)
        loading, training = [], []
        for number in range(options.rounds + 1):
            start = time.process_time()
            for step in range(LOADED):
                stream.batch(number * LOADED + step)
            middle = time.process_time()
            train(unet, stream, preset.training, preset.diffusion, work / str(number))
            loading.append((middle - start) / LOADED)
            training.append((time.process_time() - middle) / STEPS)
    # the first round warms up
    load, step = statistics.median(loading[1:]), statistics.median(training[1:])
    size = preset.training.batch_size
    print(
        f"{preset.name}: loading {size / load:.0f} samples/s, a training step "
        f"{size / step:.1f} samples/s, loading is {step / load:.0f} times faster"
    )


def full(rounds: int) -> None:
    """Print what preparing batches of 16 and 64 samples takes of one core."""
    preset, sizes = load_preset("sd15"), Sizes()
    for size in sizes.samples:
        with tempfile.TemporaryDirectory() as folder:
            stream = latent_stream(Path(folder), sizes, size)
            spent = []
            for step in range(rounds + 1):
                start = time.process_time()
                prepare_step(
                    stream, preset.training, preset.diffusion, 1000, step, torch.device("cpu")
                )
                spent.append(time.process_time() - start)
        seconds = statistics.median(spent[1:])
        print(
            f"full size, {size} samples: prepared in {1e3 * seconds:.1f} ms of one core, "
            f"{size / seconds:.0f} samples/s"
        )


if __name__ == "__main__":
    main()
