"""Fit the constants of the region decoder's confidence, and evaluate the scores on other images.

    python -m benchmarks.codec.calibrate_scores --root COCO \
        --autoencoder TAESD --trips build/trips

Every colormap of the split is damaged in several ways and decoded; a logistic regression of IoU >
0.5 on the decoder's `evidence` follows, in which every way weighs the same. Even images are fitted
and odd ones evaluated, then the reverse; the constants printed last are fitted on all.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter
from sklearn.linear_model import LogisticRegression
from tqdm import tqdm

from unigs.colormap import Palette, decode
from unigs.colormap.distortion import Distortion, add_blur, add_jpeg, add_noise
from unigs.datasets import open_dataset
from unigs.evaluation.codec.latents import through_autoencoder
from unigs.evaluation.codec.trial import trial_segments
from unigs.metrics.entity_precision import EntityOverlaps, entity_precision
from unigs.metrics.matching import match
from unigs.models.autoencoder import load_autoencoder

SMALL = 64
Case = tuple[str, str, np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def in_doubt(colormap: np.ndarray, palette: Palette, rng: np.random.Generator) -> np.ndarray:
    """A colormap as a small network paints it: colours between two cells, drift, soft edges."""
    values = colormap.astype(np.float64)
    painted = np.unique(colormap.reshape(-1, 3), axis=0)
    other = palette.colors[rng.integers(len(palette.colors))]
    doubtful = (colormap == painted[rng.integers(len(painted))]).all(axis=2)
    values[doubtful] = (values[doubtful] + other) / 2
    values = gaussian_filter(values, (0.8, 0.8, 0))
    drift = gaussian_filter(rng.normal(size=values.shape), (8, 8, 0))
    values += rng.uniform(0, 20) * drift / drift.std() + rng.normal(0, 3, values.shape)
    return np.clip(np.round(values), 0, 255).astype(np.uint8)


def cases(scenes: list, size: int, trip: Distortion) -> Iterator[Case]:  # type: ignore[type-arg]
    """(way, key, truth, decoded segments, scores, evidence) of every image in every way."""
    large, small = Palette(11), Palette(5)
    ways = {
        "autoencoder": trip,
        "noise 10": add_noise(10),
        "noise 20": add_noise(20),
        "blur 1.5 px": add_blur(1.5),
        "JPEG 60": add_jpeg(60),
    }
    draw = np.random.default_rng(0)
    for number, scene in enumerate(tqdm(scenes, file=sys.stderr, unit="image")):
        truth = trial_segments(scene, size, None, draw)
        colormap = large.encode(truth)
        rng = np.random.default_rng([1, number])
        for way, distort in ways.items():
            found = decode(distort(colormap, rng), palette=large)
            yield way, scene.key, truth, found.segments, found.scores, _given(found.evidence)
        truth = trial_segments(scene, SMALL, None, draw)
        found = decode(in_doubt(small.encode(truth), small, rng), palette=small, background=False)
        name = f"in doubt, {SMALL} px"
        yield name, scene.key, truth, found.segments, found.scores, _given(found.evidence)


def _given(evidence: np.ndarray | None) -> np.ndarray:
    assert evidence is not None, "the default decoder's scores are calibrated"
    return evidence


def hits(truth: np.ndarray, found: np.ndarray, count: int) -> np.ndarray:
    """(count,) bool: which found entities overlap their partner by IoU > 0.5."""
    matches = match(truth, found)
    result = np.zeros(count + 1, bool)
    result[matches.pred_labels[matches.iou > 0.5]] = True
    return result[1:]


def fit(chosen: list[Case]) -> tuple[float, np.ndarray]:
    """Intercept and weights; every way weighs the same."""
    clues, right, ways = [], [], []
    for way, _, truth, found, scores, evidence in chosen:
        clues.append(evidence)
        right.append(hits(truth, found, len(scores)))
        ways += [way] * len(scores)
    _, group, size = np.unique(ways, return_inverse=True, return_counts=True)
    model = LogisticRegression(C=1e6, max_iter=10_000)
    model.fit(np.concatenate(clues), np.concatenate(right), len(ways) / len(size) / size[group])
    return float(model.intercept_[0]), model.coef_[0]


def evaluate(
    chosen: list[Case], scores: list[np.ndarray], orders: int
) -> dict[str, tuple[float, ...]]:
    """Per way: AP^e with the scores and with equal ones, mean score, share that is right."""
    result = {}
    for way in dict.fromkeys(case[0] for case in chosen):
        masks = {}
        given, right = [], []
        for case, score in zip(chosen, scores, strict=True):
            if case[0] == way:
                labels = {i + 1: float(value) for i, value in enumerate(score)}
                masks[case[1]] = EntityOverlaps.of(case[1], case[2], case[3], labels)
                given.append(score)
                right.append(hits(case[2], case[3], len(score)))
        found = entity_precision(masks, orders)
        means = float(np.concatenate(given).mean()), float(np.concatenate(right).mean())
        result[way] = (found["ap_e"], found["ap_e_constant"], *means)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", default="coco_panoptic")
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--split", default="train")
    parser.add_argument("--autoencoder", required=True)
    parser.add_argument("--trips", type=Path, help="keep what the autoencoder returns here")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--limit", type=int)
    arguments = parser.parse_args()
    opened = open_dataset(arguments.dataset, arguments.root, arguments.split)
    trip = through_autoencoder(load_autoencoder(arguments.autoencoder), 0.0, arguments.trips)
    every = list(cases(list(islice(opened, arguments.limit)), arguments.size, trip))
    keys = {key: number for number, key in enumerate(dict.fromkeys(case[1] for case in every))}
    ordered, crossed = [], []
    for part in (0, 1):
        intercept, weights = fit([case for case in every if keys[case[1]] % 2 != part])
        for case in every:
            if keys[case[1]] % 2 == part:
                ordered.append(case)
                crossed.append(1 / (1 + np.exp(-intercept - case[5] @ weights)))
    print("fitted on one half of the images, evaluated on the other, and the reverse")
    print(f"{'':18} AP^e  equal scores  shipped constants  mean score  share right")
    shipped = evaluate(ordered, [case[4] for case in ordered], orders=1)
    for way, (ap, equal, score, right) in evaluate(ordered, crossed, orders=5).items():
        print(
            f"{way:18} {ap:.3f} {equal:13.3f} {shipped[way][0]:18.3f} {score:11.3f} {right:12.3f}"
        )
    intercept, weights = fit(every)
    print(f"{len(keys)} images, {sum(len(case[4]) for case in every)} decoded entities")
    print(f"INTERCEPT = {intercept:.3g}")
    print(f"WEIGHTS = ({', '.join(f'{weight:.3g}' for weight in weights)})")


if __name__ == "__main__":
    main()
