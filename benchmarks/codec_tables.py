"""Write docs/results_codec.md: the codec's own figures, without any trained model.

    python benchmarks/codec_tables.py --root ../shared/data/coco --weights ../shared/weights/taesd

Real COCO, or with --dataset a generated set; every figure is measured when the script runs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from unigs.atomic_file import replacing
from unigs.colormap.distortion import Distortion, add_blur, add_jpeg, add_noise
from unigs.colormap.latent_trip import through_autoencoder
from unigs.colormap.palette import Palette
from unigs.colormap.trial import TRUE_CLUSTERS, run_trial, trial_segments
from unigs.datasets import open_dataset
from unigs.models.autoencoder import load_autoencoder

Samples = Sequence[tuple[str, np.ndarray]]
FEW = 4
LATENT_NOISE = 0.2
SMOOTH, CONTRAST = Palette(11, "smooth"), Palette(11, "contrast")
PALETTES = (SMOOTH, CONTRAST, Palette(11, "lexicographic"), Palette(11, "random"))


class Once:
    """A distortion that remembers its results, because an autoencoder takes seconds an image."""

    def __init__(self, distort: Distortion) -> None:
        self.distort = distort
        self.known: dict[bytes, np.ndarray] = {}

    def __call__(self, colormap: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        key = colormap.tobytes()
        if key not in self.known:
            self.known[key] = self.distort(colormap, rng)
        return self.known[key]


def table(title: str, rows: Iterator[tuple[str, dict[str, Any]]]) -> Iterator[str]:
    yield f"\n### {title}\n"
    yield "| | mIoU | recall@0.5 | predicted / true | AP^e | AP^e, equal scores |"
    yield "|---|---|---|---|---|---|"
    for name, report in tqdm(rows, desc=title, file=sys.stderr):
        yield (
            f"| {name} | {report['miou']:.3f} | {report['recall_50']:.3f} "
            f"| {report['predicted']} / {report['entities']} "
            f"| {report['ap_e']:.3f} | {report['ap_e_constant']:.3f} |"
        )


def trial(samples: Samples, palette: Palette, decoder: str, *way: Distortion, **options: Any):  # type: ignore[no-untyped-def]
    return run_trial(samples, palette, decoder, distortions=way, average_precision=True, **options)


def comparison(samples: Samples, trips: dict[str, tuple[Distortion, ...]]) -> Iterator:  # type: ignore[type-arg]
    for way, distortions in trips.items():
        for decoder in ("regions", "pdm"):
            yield f"{way}, {decoder}", trial(samples, SMOOTH, decoder, *distortions)


def palettes(samples: Samples, trip: Distortion) -> Iterator:  # type: ignore[type-arg]
    for palette in PALETTES:
        for decoder in ("regions", "pdm"):
            yield f"{palette.name}, {decoder}", trial(samples, palette, decoder, trip)


def kmeans(samples: Samples, trip: Distortion) -> Iterator:  # type: ignore[type-arg]
    yield "k-means, 3 clusters", trial(samples, SMOOTH, "kmeans", trip, clusters=3)
    true = trial(samples, SMOOTH, "kmeans", trip, clusters=TRUE_CLUSTERS)
    yield "k-means, true number", true
    yield "PDM", trial(samples, SMOOTH, "pdm", trip)
    yield "regions", trial(samples, SMOOTH, "regions", trip)


def ablation(samples: Samples, trip: Distortion) -> Iterator:  # type: ignore[type-arg]
    for criterion in ("l2", "squared"):
        for delta in (1, 10, 20, 50):
            report = trial(samples, SMOOTH, "pdm", trip, delta=delta, criterion=criterion)
            yield f"delta {delta}, {criterion}", report
    for features in ("rgb", "lab", "rgb+lab"):
        yield f"features {features}", trial(samples, SMOOTH, "pdm", trip, features=features)


def curves(samples: Samples) -> Iterator[str]:
    kinds: dict[str, tuple[Callable[[Any], Distortion], tuple[float, ...]]] = {
        "Gaussian noise, sigma of 255": (add_noise, (0, 2, 5, 10, 15, 20)),
        "Gaussian blur, px": (add_blur, (0.5, 1, 1.5, 2, 3)),
        "JPEG quality": (add_jpeg, (95, 85, 75, 60, 50)),
    }
    for name, (make, values) in kinds.items():
        rows = (
            (f"{value}, {decoder}", trial(samples, SMOOTH, decoder, make(value)))
            for value in values
            for decoder in ("regions", "pdm")
        )
        yield from table(name, rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", default="coco_panoptic")
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--split", default="val")
    parser.add_argument("--weights", required=True, help="autoencoder")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--out", type=Path, default=Path("docs/results_codec.md"))
    arguments = parser.parse_args()
    scenes = list(
        islice(open_dataset(arguments.dataset, arguments.root, arguments.split), arguments.limit)
    )
    rng = np.random.default_rng(0)
    size = arguments.size
    samples = [(s.key, trial_segments(s, size, None, rng)) for s in scenes]
    rng = np.random.default_rng(0)
    few = [(s.key, trial_segments(s, size, FEW, rng)) for s in scenes]
    autoencoder = load_autoencoder(arguments.weights)
    trip = Once(through_autoencoder(autoencoder))
    noisy = Once(through_autoencoder(autoencoder, LATENT_NOISE))
    lines = [
        f"## Codec alone: {arguments.dataset} {arguments.split}, {len(samples)} images, "
        f"{size}x{size}",
        "",
        "Ground-truth colormaps, no model. Written by `benchmarks/codec_tables.py`.",
    ]
    trips = {"clean": (), "autoencoder": (trip,)}
    lines += table("All entities", comparison(samples, trips))
    lines += table(f"At most {FEW} entities", comparison(few, trips))
    lines += table("Clusters (Table 8), at most four entities", kmeans(few, trip))
    lines += table("PDM (Table 9), at most four entities", ablation(few, trip))
    lines += table("Colour assignment (Table 7)", palettes(few, trip))
    lines += table(
        f"Latent noise of {LATENT_NOISE} standard deviations",
        comparison(few, {"autoencoder": (noisy,)}),
    )
    lines += curves(samples)
    with replacing(arguments.out) as file:
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(arguments.out)


if __name__ == "__main__":
    main()
