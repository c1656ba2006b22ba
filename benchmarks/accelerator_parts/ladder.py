"""The ladder of training: one switch after the other, and what each gains.

What needs no compiler comes first, so that a compiler that fails or takes long costs the last rungs
alone.
"""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from typing import Any

from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

from benchmarks.accelerator_parts.bench import Bench
from benchmarks.accelerator_parts.steps import Steps, Switches
from benchmarks.accelerator_parts.training import loop

START = Switches(
    precision="fp32", channels_last=False, fused_attention=False, autotune=False, compiled=None,
    fused_optimizer=False, one_pass=False,
)  # fmt: skip
# Name, what changes, and about how many seconds it takes on an H100.
RUNGS: tuple[tuple[str, dict[str, Any], float], ...] = (
    ("fp32", {}, 15),
    ("TF32", {"precision": "tf32"}, 12),
    ("bf16 autocast", {"precision": "bf16"}, 12),
    ("channels last", {"channels_last": True}, 10),
    ("fused attention (SDPA)", {"fused_attention": True}, 10),
    ("fused AdamW", {"fused_optimizer": True}, 10),
    ("EMA in one pass", {"one_pass": True}, 10),
    ("cuDNN autotuning", {"autotune": True}, 15),
    ("torch.compile", {"compiled": "default"}, 60),
    ("CUDA graphs (reduce-overhead)", {"compiled": "reduce-overhead"}, 50),
)


def run(bench: Bench) -> None:
    """A row a rung; one that fails is left out of the rungs above it."""
    samples = bench.sizes.samples[0]
    unet = bench.unet("unigs")
    reached, before, first = START, None, None
    for name, change, need in RUNGS:
        if change.get("compiled") == "reduce-overhead":
            # The loop comes before it: it is what counts, and is compiled from the same graph.
            loops(bench, samples)
            if bench.dry:
                bench.row(switch=name, samples=samples, skipped="CUDA graphs need CUDA")
                continue
        tried = replace(reached, **change)
        spent: list[float] = []
        if bench.attempt(
            partial(rung, bench, unet, tried, before, spent), need=0 if bench.dry else need,
            switch=name, samples=samples,
        ):  # fmt: skip
            reached, before = tried, spent[0]
            first = first or before
    if first and before:
        bench.row(switch="all of them", samples=samples, gain=first / before)


def loops(bench: Bench, samples: int) -> None:
    """Time the loop itself, as it is by default and compiled."""
    for compiled in (False, True):
        name = f"unigs.training.loop, {'compiled' if compiled else 'not compiled'}"
        bench.attempt(
            partial(loop, bench, samples, compiled),
            need=0 if bench.dry else 60 if compiled else 15, switch=name, samples=samples,
        )  # fmt: skip


def rung(
    bench: Bench,
    unet: UNet2DConditionModel,
    switches: Switches,
    before: float | None,
    spent: list[float],
) -> dict[str, Any]:
    """Time a step; its seconds go to `spent` as well.

    Args:
        before: seconds of the step of the rung below.
    """
    samples = bench.sizes.samples[0]
    started = time.perf_counter()
    steps = Steps(bench, unet, switches, samples)
    warm_up = bench.once(steps)
    spent.append(bench.seconds(steps, warm=3, most=3.0))
    return {
        "step_seconds": spent[0],
        "images_per_second": samples / spent[0],
        "gain": before / spent[0] if before else None,
        "parts": steps.parts,
        "first_step_seconds": warm_up,
        "peak_memory_bytes": bench.memory(),
        "seconds": time.perf_counter() - started,
    }
