"""UniGS's UNet against the plain Stable Diffusion inpainting UNet, in one process at one size.

    python -m benchmarks.speed.step_time [--side 16] [--pairs 20] [--parts inference step memory]

Both have random weights. Each pair runs the one and then the other, in turns of who is first; the
ratio is the median over pairs, with the interval that holds the median with 95 % probability. The
paper's Table 10 has 0.994 for inference; the goal for a training step is at most 1.02.

Every weight is used at any `--side`; at 8 a pair of training steps takes about seven seconds on one
core, and 7 GB.

- step: forward, backward and SGD's update of one sample. SGD stores no moments and takes each
  gradient as it comes, so that the full size fits into ten gigabytes; an optimiser's work is the
  same for both but for 0.005 % of the parameters.
- inference: one forward pass of one sample.
- memory: peak over the forward pass alone and over the step, each in a process of its own.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import time
from collections.abc import Callable
from math import comb
from typing import Any

import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

from unigs.config.preset import load_preset
from unigs.io.process_memory import peak_memory
from unigs.models.unet import ARCHITECTURES, build_unet

TOKENS, CHANNELS = 77, 4
KINDS = ("unigs", "inpainting")


def make(kind: str, architecture: dict[str, Any]) -> UNet2DConditionModel:
    """A UNet with random weights: ours with its task embedding, or the source's 9 in and 4 out."""
    torch.manual_seed(0)
    if kind == "unigs":
        return build_unet(architecture, CHANNELS)
    return UNet2DConditionModel(**architecture, in_channels=2 * CHANNELS + 1, out_channels=CHANNELS)


def example(unet: UNet2DConditionModel, side: int) -> dict[str, Any]:
    """One sample's inputs."""
    generator = torch.Generator().manual_seed(0)
    shape = (1, unet.config["in_channels"], side, side)
    text = (1, TOKENS, unet.config["cross_attention_dim"])
    labels = None if unet.config["num_class_embeds"] is None else torch.tensor([0])
    return {
        "sample": torch.randn(shape, generator=generator),
        "timestep": torch.tensor([500]),
        "encoder_hidden_states": torch.randn(text, generator=generator),
        "class_labels": labels,
    }


def infer(unet: UNet2DConditionModel, inputs: dict[str, Any]) -> None:
    """One forward pass."""
    with torch.no_grad():
        unet(**inputs)


def step(unet: UNet2DConditionModel, inputs: dict[str, Any]) -> None:
    """One training step; gradients are consumed layer by layer, so that none are stored."""
    unet(**inputs).sample.square().mean().backward()


def update_in_backward(unet: UNet2DConditionModel) -> None:
    """SGD on each parameter as soon as its gradient is there."""

    def update(parameter: torch.Tensor) -> None:
        with torch.no_grad():
            assert parameter.grad is not None
            parameter.sub_(parameter.grad, alpha=1e-6)
        parameter.grad = None

    for parameter in unet.parameters():
        parameter.register_post_accumulate_grad_hook(update)


def timed(work: Callable[[], None]) -> float:
    """Seconds of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def median_interval(values: list[float]) -> tuple[float, float, float]:
    """Median with its distribution-free interval of at least 95 % (order statistics)."""
    ordered, count = sorted(values), len(values)
    outside, rank = 0.0, 0
    while rank < count // 2 and outside + comb(count, rank) / 2**count <= 0.025:
        outside += comb(count, rank) / 2**count
        rank += 1
    low = max(rank - 1, 0)
    return statistics.median(ordered), ordered[low], ordered[count - 1 - low]


def compare(
    name: str,
    work: Callable[[UNet2DConditionModel, dict[str, Any]], None],
    unets: dict[str, UNet2DConditionModel],
    side: int,
    pairs: int,
) -> None:
    """Print the times of interleaved pairs and their ratio."""
    inputs = {kind: example(unet, side) for kind, unet in unets.items()}
    times: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for number in range(-1, pairs):
        for kind in KINDS if number % 2 else reversed(KINDS):
            seconds = timed(lambda kind=kind: work(unets[kind], inputs[kind]))
            if number >= 0:
                times[kind].append(seconds)
    ratios = [ours / plain for ours, plain in zip(*(times[kind] for kind in KINDS), strict=True)]
    middle, low, high = median_interval(ratios)
    ours, plain = (statistics.median(times[kind]) for kind in KINDS)
    print(
        f"{name}: UniGS {ours:.3f} s, inpainting {plain:.3f} s, ratio {middle:.4f} "
        f"[{low:.4f}, {high:.4f}] over {pairs} pairs",
        flush=True,
    )


def _peak(kind: str, architecture: dict[str, Any], side: int, train: bool, queue: Any) -> None:
    torch.set_num_threads(1)
    unet = make(kind, architecture)
    if train:
        update_in_backward(unet)
    (step if train else infer)(unet, example(unet, side))
    queue.put(peak_memory(torch.device("cpu")))


def peaks(name: str, architecture: dict[str, Any], side: int, train: bool) -> None:
    """Print peak memory of each, from processes that do nothing else."""
    context = multiprocessing.get_context("spawn")
    found = []
    for kind in KINDS:
        queue = context.SimpleQueue()
        process = context.Process(target=_peak, args=(kind, architecture, side, train, queue))
        process.start()
        process.join()
        if process.exitcode:
            raise SystemExit(f"{name} of {kind} ended with {process.exitcode}")
        found.append(queue.get() / 2**30)
    ratio = found[0] / found[1]
    print(
        f"peak memory, {name}: UniGS {found[0]:.3f} GiB, inpainting {found[1]:.3f} GiB, "
        f"ratio {ratio:.4f}",
        flush=True,
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--architecture", default="sd15", choices=(*ARCHITECTURES, "tiny"))
    parser.add_argument("--side", type=int, default=16, help="of the latents; 64 is 512 pixels")
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument(
        "--parts", nargs="+", default=["inference", "step", "memory"],
        choices=["inference", "step", "memory"],
    )  # fmt: skip
    options = parser.parse_args()
    architecture = ARCHITECTURES.get(options.architecture) or load_preset("tiny").unet.architecture
    if {"inference", "step"} & set(options.parts):
        unets = {kind: make(kind, architecture) for kind in KINDS}
        count = {kind: sum(p.numel() for p in unet.parameters()) for kind, unet in unets.items()}
        print(f"parameters: UniGS {count['unigs']:,}, inpainting {count['inpainting']:,}")
        if "inference" in options.parts:
            compare("inference", infer, unets, options.side, options.pairs)
        if "step" in options.parts:
            for unet in unets.values():
                update_in_backward(unet)
            compare("training step", step, unets, options.side, options.pairs)
        del unets
    if "memory" in options.parts:
        peaks("inference", architecture, options.side, train=False)
        peaks("training step", architecture, options.side, train=True)


if __name__ == "__main__":
    main()
