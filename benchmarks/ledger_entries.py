"""The benchmarks of the ledger: those that need no data of yours and no training of minutes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# In an argument: the folder of scenes that the ledger generates.
SET = "SCENES"


@dataclass(frozen=True)
class Figure:
    """A ratio that a benchmark prints.

    Attributes:
        name: what is divided by what.
        pattern: regular expression with the number in its group; where it is found at several
            sizes, the ratio is the last number over the first.
        better: which way is better.
        limit: what it should reach, or None.
    """

    name: str
    pattern: str
    better: Literal["higher", "lower"]
    limit: float | None = None


@dataclass(frozen=True)
class Benchmark:
    """A module of this folder with its arguments and what is read of its output."""

    name: str
    arguments: tuple[str, ...]
    figures: tuple[Figure, ...]


_NUMBER = r"([\d.]+)"

BENCHMARKS = (
    Benchmark(
        "speed.codec",
        ("--sizes",),
        (
            Figure(
                "decoding by `regions` / a numpy histogram of the colormap",
                rf"regions / histogram {_NUMBER}", "lower", 12,
            ),
            Figure(
                "the dichotomy with scikit-learn / decoding by `pdm`",
                rf"recursion / pdm {_NUMBER}", "higher", 100,
            ),
            Figure(
                "a batch decoded by one thread / by two", rf"two threads {_NUMBER}", "higher"
            ),
        ),
    ),
    Benchmark(
        "speed.segmentation",
        ("--images", "200", "--json"),
        (
            Figure(
                "mask metrics by pycocotools / ours",
                rf'"times_as_fast": {_NUMBER}', "higher",
            ),
        ),
    ),
    Benchmark(
        "memory.index",
        ("2000", "8000"),
        (
            Figure(
                "peak memory of indexing 8,000 images / 2,000",
                rf'"peak_mb": {_NUMBER}', "lower", 1.1,
            ),
        ),
    ),
    Benchmark(
        "speed.incremental",
        ("--images", "400"),
        (
            Figure(
                "building again after one image more, % of the first build's CPU time",
                rf"CPU \({_NUMBER}%\)", "lower",
            ),
        ),
    ),
    Benchmark(
        "speed.shards",
        ("--dataset", "shapes", "--root", SET, "--split", "val", "--size", "256"),
        (
            Figure(
                "unavoidable work / building shards of `entity`",
                rf"build entity: .*?ratio {_NUMBER}", "higher",
            ),
            Figure(
                "unavoidable work / building shards of `inpainting`",
                rf"build inpainting: .*?ratio {_NUMBER}", "higher",
            ),
        ),
    ),
    Benchmark(
        "speed.shard_workers",
        ("--root", SET, "--variants", "4"),
        (
            Figure(
                "building shards by one worker / by two", rf": {_NUMBER} times as fast", "higher"
            ),
            Figure(
                "the parent's share of building shards by two workers, %",
                rf"works {_NUMBER}%", "lower",
            ),
        ),
    ),
    Benchmark(
        "memory.latents",
        ("10000", "300000"),
        (
            Figure(
                "memory of reading 300,000 latents / 10,000",
                rf'"resident_mb": {_NUMBER}', "lower", 1.2,
            ),
            Figure(
                "time of a batch of 300,000 latents / 10,000",
                rf'"ms_a_batch": {_NUMBER}', "lower",
            ),
        ),
    ),
    Benchmark(
        "speed.loader",
        ("--rounds", "3"),
        (
            Figure(
                "a training step of `tiny` / loading its batch",
                rf"loading is {_NUMBER} times faster", "higher",
            ),
        ),
    ),
    Benchmark(
        "speed.freed_memory",
        ("--rounds", "3", "--steps", "10"),
        (
            Figure(
                "a training step that keeps freed memory / one that does not",
                rf'"ratio": {_NUMBER}', "lower", 1.0,
            ),
        ),
    ),
    Benchmark(
        "speed.step_time",
        ("--side", "8", "--pairs", "6"),
        (
            Figure(
                "inference of UniGS's UNet / the Stable Diffusion inpainting UNet's",
                rf"(?m)^inference: .*?ratio {_NUMBER}", "lower", 1.02,
            ),
            Figure(
                "its training step / the inpainting UNet's",
                rf"(?m)^training step: .*?ratio {_NUMBER}", "lower", 1.02,
            ),
            Figure(
                "its peak memory in a training step / the inpainting UNet's",
                rf"peak memory, training step: .*?ratio {_NUMBER}", "lower", 1.02,
            ),
        ),
    ),
    Benchmark(
        "speed.latent_training",
        ("--size", "128", "--rounds", "1"),
        (
            Figure(
                "a step of Stable Diffusion 1.5's size that encodes on the fly / from latents",
                rf": {_NUMBER}x", "higher",
            ),
        ),
    ),
    Benchmark(
        "operations.arrival",
        ("--files", "20000"),
        (
            Figure(
                "the sensor's look at an unchanged folder / walking and stating its files",
                rf"an unchanged look takes {_NUMBER} times", "lower",
            ),
        ),
    ),
)  # fmt: skip
