"""Write a page of tables with the codec's own metrics, without any trained model.

    python -m benchmarks.codec.tables --root COCO \
        --autoencoder TAESD --work build/codec --out docs/results_codec_coco.md

Real COCO, or with --dataset and --root another set. The folder --work caches the autoencoder's
output and every finished row, so that an interrupted run resumes; rows are measured
again when the codec, the metrics or the data change.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

import unigs
from unigs.colormap.distortion import Distortion, add_blur, add_jpeg, add_noise
from unigs.colormap.palette import Palette
from unigs.datasets import open_dataset
from unigs.evaluation.codec.latents import through_autoencoder
from unigs.evaluation.codec.trial import TRUE_CLUSTERS, run_trial, trial_segments
from unigs.io.files import replacing
from unigs.models.autoencoder import load_autoencoder, weights_digest

Samples = Sequence[tuple[str, np.ndarray]]
Report = dict[str, Any]
FEW = 4
CURVED = 10
CLEAN, TRIP = "clean", "autoencoder"
SMOOTH = Palette(11, "smooth")
ORDERS = ("smooth", "contrast", "lexicographic", "random")
LATENT_NOISE = (0.1, 0.2, 0.4)
GROWN = (0, 48, 64)
CURVES: dict[str, tuple[Any, tuple[float, ...]]] = {
    "Gaussian noise, sigma in levels of 255": (add_noise, (0, 2, 5, 10, 15, 20)),
    "Gaussian blur, sigma in pixels": (add_blur, (0.5, 1, 1.5, 2, 3)),
    "JPEG quality": (add_jpeg, (95, 85, 75, 60, 50)),
}


def code_digest() -> bytes:
    """SHA-256 of everything a row depends on besides its data."""
    digest = hashlib.sha256()
    folder = Path(unigs.__file__).parent
    parts = ("colormap/*.py", "metrics/*.py", "restorer/*", "models/colormap_latents.py")
    for path in sorted(path for part in parts for path in folder.glob(part) if path.is_file()):
        digest.update(path.read_bytes())
    return digest.digest()


class Rows:
    """Measures rows, each once."""

    def __init__(
        self,
        samples: dict[str, Samples],
        ways: dict[str, tuple[Distortion, ...]],
        weights: str,
        kept: Path,
    ) -> None:
        self.samples, self.ways, self.kept = samples, ways, kept
        code = code_digest() + weights.encode()
        self.identity = {
            name: hashlib.sha256(code + b"".join(one.tobytes() for _, one in chosen)).hexdigest()
            for name, chosen in samples.items()
        }

    def __call__(
        self, samples: str, way: str, decoder: str, palette: Palette = SMOOTH, **options: Any
    ) -> Report:
        """The report of `run_trial` on the samples and the damage of these names."""
        asked = [self.identity[samples], way, decoder, palette.name, options]
        name = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
        path = self.kept / "rows" / f"{name}.json"
        if not path.exists():
            report = run_trial(
                self.samples[samples], palette, decoder, distortions=self.ways[way], **options
            )
            with replacing(path) as partial:
                partial.write_text(json.dumps(report), encoding="utf-8")
        return dict(json.loads(path.read_text(encoding="utf-8")))


def table(title: str, rows: Iterator[tuple[str, Report]], scores: bool = False) -> Iterator[str]:
    yield f"\n### {title}\n"
    yield f"| | mIoU | recall@0.5 | found / true |{' AP^e | AP^e, equal scores |' * scores}"
    yield f"|---|---:|---:|---:|{'---:|---:|' * scores}"
    for name, report in tqdm(rows, desc=title, file=sys.stderr):
        precision = f" {report['ap_e']:.3f} | {report['ap_e_constant']:.3f} |" if scores else ""
        yield (
            f"| {name} | {report['miou']:.3f} | {report['recall_50']:.3f} "
            f"| {report['predicted']} / {report['entities']} |{precision}"
        )


def comparison(rows: Rows, samples: str) -> Iterator[tuple[str, Report]]:
    for way in (CLEAN, TRIP):
        for decoder in ("regions", "best", "pdm"):
            yield f"{way}, `{decoder}`", rows(samples, way, decoder, average_precision=True)


def assignments(rows: Rows) -> Iterator[tuple[str, Report]]:
    for order in ORDERS:
        for decoder in ("regions", "pdm"):
            palette = Palette(11, order)
            report = rows("few, first", TRIP, decoder, palette)
            yield f"`{palette.name}`, `{decoder}`", report


def growth(rows: Rows) -> Iterator[tuple[str, Report]]:
    for smallest in GROWN:
        palette = Palette(11, "smooth", smallest=smallest)
        for way, decoder in ((CLEAN, "regions"), (TRIP, "regions"), (TRIP, "best")):
            yield f"`{palette.name}`, {way}, `{decoder}`", rows("all", way, decoder, palette)


def refinements(rows: Rows, samples: str, steps: Sequence[int]) -> Iterator[tuple[str, Report]]:
    for way in (TRIP, *map(refined, steps)):
        for decoder in ("regions", "best", "pdm"):
            yield f"{way}, `{decoder}`", rows(samples, way, decoder)


def refined(steps: int, noise: float = 0.0) -> str:
    return f"refined in {steps} steps" + (f", latent noise {noise}" if noise else "")


def clusters(rows: Rows) -> Iterator[tuple[str, Report]]:
    for name, decoder, options in (
        ("k-means, 3 clusters", "kmeans", {"clusters": 3}),
        ("k-means, true number", "kmeans", {"clusters": TRUE_CLUSTERS}),
        ("PDM", "pdm", {}),
        ("`regions`", "regions", {}),
        ("`best`", "best", {}),
    ):
        yield name, rows("few", TRIP, decoder, **options)


def dichotomies(rows: Rows) -> Iterator[tuple[str, Report]]:
    for criterion in ("l2", "squared"):
        for delta in (1, 10, 20, 50):
            options: dict[str, Any] = {"delta": delta, "criterion": criterion}
            yield f"delta {delta}, {criterion}", rows("few", TRIP, "pdm", **options)
    for features in ("rgb", "lab", "rgb+lab"):
        yield f"features {features}", rows("few", TRIP, "pdm", features=features)


def curve(title: str, rows: Rows, samples: str, ways: dict[str, str]) -> Iterator[str]:
    yield f"\n### {title}\n"
    yield "| | `regions` mIoU | recall@0.5 | `best` mIoU | recall@0.5 | PDM mIoU | recall@0.5 |"
    yield "|---:|---:|---:|---:|---:|---:|---:|"
    for value, way in tqdm(ways.items(), desc=title, file=sys.stderr):
        reports = (rows(samples, way, decoder) for decoder in ("regions", "best", "pdm"))
        cells = (f"{found['miou']:.3f} | {found['recall_50']:.3f}" for found in reports)
        yield f"| {value} | {' | '.join(cells)} |"


def page(rows: Rows, first: int, grown: bool, steps: Sequence[int]) -> Iterator[str]:
    yield from table("All entities", comparison(rows, "all"), scores=True)
    yield from table(f"At most {FEW} entities", comparison(rows, "few"), scores=True)
    chosen = f"at most {FEW} entities, through the autoencoder"
    yield from table(f"Clustering (Table 8): {chosen}", clusters(rows))
    yield from table(f"PDM (Table 9): {chosen}", dichotomies(rows))
    for name, (_, values) in CURVES.items():
        ways = {str(value): f"{name} {value}" for value in values}
        yield from curve(f"{name}: all entities, first {CURVED} images", rows, "curves", ways)
    if first:
        shorter = f"{chosen}, first {first} images"
        yield from table(f"Colour assignment (Table 7): {shorter}", assignments(rows))
        noisy = {"0": TRIP} | {str(value): f"latent noise {value}" for value in LATENT_NOISE}
        title = f"Noise on the latents, in their standard deviations: {shorter}"
        yield from curve(title, rows, "few, first", noisy)
        for count in steps:
            noisy = {str(value): refined(count, value) for value in (0, *LATENT_NOISE)}
            title = f"Noise on latents that were refined in {count} steps: {shorter}"
            yield from curve(title, rows, "few, first", noisy)
    if grown:
        yield from table("Small entities painted larger: all entities", growth(rows))
    if steps:
        title = "Refined latents"
        yield from table(f"{title}: all entities", refinements(rows, "all", steps))
        yield from table(f"{title}: at most {FEW} entities", refinements(rows, "few", steps))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", default="coco_panoptic")
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--split", default="val")
    parser.add_argument("--autoencoder", required=True)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument(
        "--first",
        type=int,
        default=10,
        help="images in tables that need trips of their own; 0 leaves these tables out",
    )
    parser.add_argument(
        "--grown", action="store_true", help="also the table of small entities painted larger"
    )
    parser.add_argument(
        "--refined", type=int, nargs="*", default=[], help="also latents refined in so many steps"
    )
    parser.add_argument("--work", type=Path, required=True, help="finished rows are kept here")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    opened = open_dataset(arguments.dataset, arguments.root, arguments.split)
    scenes = list(islice(opened, arguments.limit))
    size = arguments.size
    samples: dict[str, Samples] = {}
    for name, most in (("all", None), ("few", FEW)):
        rng = np.random.default_rng(0)
        samples[name] = [(s.key, trial_segments(s, size, most, rng)) for s in scenes]
    samples |= {"few, first": samples["few"][: arguments.first], "curves": samples["all"][:CURVED]}
    autoencoder = load_autoencoder(arguments.autoencoder)
    trips = arguments.work / "trips"
    ways: dict[str, tuple[Distortion, ...]] = {CLEAN: ()}
    ways[TRIP] = (through_autoencoder(autoencoder, 0.0, trips),)
    for value in LATENT_NOISE:
        ways[f"latent noise {value}"] = (through_autoencoder(autoencoder, value, trips),)
    for steps in arguments.refined:
        for value in (0.0, *LATENT_NOISE):
            trip = through_autoencoder(autoencoder, value, trips, steps)
            ways[refined(steps, value)] = (trip,)
    for name, (make, values) in CURVES.items():
        ways |= {f"{name} {value}": (make(value),) for value in values}
    lines = [
        f"# Codec alone: {arguments.dataset} {arguments.split}, {len(scenes)} images, "
        f"{size}x{size}",
        "",
        "Ground-truth colormaps, no model, palette `smooth-11-v1` where no other is named, "
        f"autoencoder {Path(arguments.autoencoder).name}.",
        "Written by `benchmarks/codec/tables.py`; what it means is in [results.md](results.md).",
        *page(
            Rows(samples, ways, weights_digest(autoencoder), arguments.work),
            arguments.first,
            arguments.grown,
            arguments.refined,
        ),
    ]
    with replacing(arguments.out) as file:
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(arguments.out)


if __name__ == "__main__":
    main()
