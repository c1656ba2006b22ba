"""Training from latents: the loop itself, and its step beside that of the plain inpainting UNet."""

from __future__ import annotations

import gc
import logging
import statistics
import tempfile
import time
from contextlib import suppress
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch

from benchmarks.accelerator_parts.bench import SCHEDULE, Bench
from benchmarks.accelerator_parts.latents import latent_stream
from benchmarks.accelerator_parts.steps import Steps, Switches, flops
from benchmarks.speed.step_time import median_interval
from unigs.config.preset import DiffusionConfig, TrainingConfig
from unigs.training.loop import train

KINDS = ("unigs", "inpainting")
NEVER = 10**6


class Enough(Exception):
    """The loop has been timed."""


class _Heard(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


def loop(
    bench: Bench, samples: int, compiled: bool = False, checkpointing: bool = False
) -> dict[str, Any]:
    """Time `unigs.training.loop.train`: noise, loader with fresh draws of the latents, EMA and the
    reading of the loss included, checkpoints and validation not."""
    steps = 4 if bench.dry else 24 if samples <= 16 else 14
    training = TrainingConfig(
        steps=NEVER, batch_size=samples, checkpoint_every=NEVER, validate_every=NEVER,
        precision="auto", compile=compiled, gradient_checkpointing=checkpointing,
    )  # fmt: skip
    times: list[float] = []
    logged: dict[str, float] = {}

    def should_stop() -> bool:
        times.append(time.perf_counter())
        if len(times) == steps:
            raise Enough
        return False

    heard = _Heard()
    # A dry run traces the UNet only, since its code takes minutes to make.
    compiler = partial(torch.compile, backend="eager") if bench.dry else torch.compile
    logging.getLogger("unigs").addHandler(heard)
    try:
        with (
            tempfile.TemporaryDirectory() as folder,
            patch.object(torch, "compile", compiler),
            suppress(Enough),
        ):
            train(
                bench.unet("unigs"), latent_stream(Path(folder), bench.sizes, samples), training,
                DiffusionConfig(scheduler=SCHEDULE), Path(folder),
                log=lambda step, metrics: logged.update(metrics), should_stop=should_stop,
            )  # fmt: skip
    finally:
        logging.getLogger("unigs").removeHandler(heard)
    spent = [after - before for before, after in pairwise(times[1:])]
    seconds = statistics.median(spent)
    return {
        "step_seconds": seconds,
        "images_per_second": samples / seconds,
        "peak_memory_bytes": bench.memory(),
        "peak_share": bench.share(samples * flops("unigs", bench.sizes), seconds),
        "loader_share": logged.get("loader_share"),
        "warnings": heard.messages,
    }


def pairs(bench: Bench, samples: int) -> None:
    """Time steps of both UNets in turns of who is first: a row each, and one of their ratio."""
    runs: dict[str, Steps] = {}
    for kind in KINDS:
        runs[kind] = Steps(bench, bench.unet(kind), Switches(), samples)
    for _ in range(1 if bench.dry else 3):
        # Both in as many parts as the one that needs more.
        parts = max(run.parts for run in runs.values())
        for run in runs.values():
            run.parts = parts
            run()
    spent: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for number in range(bench.sizes.rounds):
        for kind in KINDS if number % 2 else reversed(KINDS):
            spent[kind].append(bench.once(runs[kind]))
    memory = bench.memory()
    parts = {kind: run.parts for kind, run in runs.items()}
    del runs, run
    gc.collect()
    for kind in KINDS:
        seconds = statistics.median(spent[kind])
        bench.row(
            what=f"{kind} step", samples=samples, parts=parts[kind], step_seconds=seconds,
            images_per_second=samples / seconds,
            peak_share=bench.share(samples * flops(kind, bench.sizes), seconds),
        )  # fmt: skip
    ratios = [ours / plain for ours, plain in zip(*(spent[kind] for kind in KINDS), strict=True)]
    ratio, low, high = median_interval(ratios)
    bench.row(
        what="unigs step / inpainting step", samples=samples, ratio=ratio, ratio_low=low,
        ratio_high=high, pairs=len(ratios), peak_memory_bytes_of_both=memory,
    )  # fmt: skip


def run(bench: Bench) -> None:
    """Every row of the part."""
    for kind in KINDS:
        count = flops(kind, bench.sizes)
        bench.row(what=f"{kind}: forward and backward", samples=1, flops=count)
    for samples in bench.sizes.samples:
        bench.attempt(
            lambda samples=samples: loop(bench, samples), need=15, what="unigs loop",
            samples=samples,
        )  # fmt: skip
    most = bench.sizes.samples[-1]
    bench.attempt(
        lambda: loop(bench, most, checkpointing=True), need=15,
        what="unigs loop, gradient checkpointing", samples=most,
    )  # fmt: skip
    for samples in bench.sizes.samples:
        bench.attempt(
            lambda samples=samples: pairs(bench, samples), need=15, what="unigs and inpainting",
            samples=samples,
        )  # fmt: skip
