"""A small folder of shards and pipelines of known quality, for the tests of evaluation."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from unigs.colormap import Palette
from unigs.samples.options import SampleOptions
from unigs.samples.sample import make_sample
from unigs.scene import Entity, Scene, entities_of

NAMES = ("disc", "block", "ground", "sky")
COLORS = np.array([[200, 40, 40], [40, 60, 200], [60, 160, 60], [150, 200, 240]])
SIDE = 32


def scenes(folder: Path, count: int, seed: int = 0) -> list[Scene]:
    """Scenes with a disc and a block (at times two) before ground and sky, written as PNG."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        y, x = np.mgrid[:SIDE, :SIDE]
        horizon = int(rng.integers(12, 20))
        segments = np.where(y < horizon, 2, 1).astype(np.int32)
        kinds = {1: 2, 2: 3}
        for place in range(int(rng.integers(2, 4))):
            cx, cy = 6 + 10 * place, int(rng.integers(7, 25))
            kind = int(rng.integers(0, 2))
            radius = 5 if kind == 0 else 4
            distance = (
                np.hypot(x - cx, y - cy) if kind == 0 else np.maximum(abs(x - cx), abs(y - cy))
            )
            segments[distance < radius] = 3 + place
            kinds[3 + place] = kind
        shade = np.zeros((SIDE, SIDE, 3))
        for label, kind in kinds.items():
            shade[segments == label] = COLORS[kind]
        image = np.clip(shade + rng.normal(0, 8, shade.shape), 0, 255).astype(np.uint8)
        file = folder / f"{number:04d}.png"
        Image.fromarray(image).save(file)
        known = [
            Entity(label, NAMES[kind], kind + 1, kind < 2, 0, (0.0, 0.0), str(label))
            for label, kind in kinds.items()
        ]
        digest = hashlib.sha256(segments.tobytes()).hexdigest()
        made.append(
            Scene(
                key=f"{number:04d}",
                dataset="blocks",
                split="train",
                image_file=file,
                segments=segments,
                entities=entities_of(segments, known),
                crowd=(),
                image_digest=hashlib.sha256(file.read_bytes()).hexdigest(),
                annotation_digest=digest,
            )
        )
    return made


def samples(folder: Path, task: str, count: int, **options):
    """Samples of the task, one a scene."""
    drawn = SampleOptions(Palette(grid=5), NAMES, size=SIDE, max_entities=3, **options)
    return [
        make_sample(scene, task, drawn, number)
        for number, scene in enumerate(scenes(folder, count))
    ]


@dataclass
class Found:
    id: int
    score: float


@dataclass
class Output:
    images: list
    colormaps: np.ndarray
    segments: np.ndarray
    entities: list


class KnowingPipeline:
    """Predicts what `worth` makes of the ground truth; finds the sample by its inputs."""

    def __init__(self, known, worth="truth"):
        self.known, self.worth, self.calls = list(known), worth, []

    def __call__(self, task, generator, **inputs):
        self.calls.append((task, sorted(inputs)))
        images, colormaps, segments, entities = [], [], [], []
        for number in range(len(generator)):
            sample = self._find(
                {
                    key: inputs[key][number]
                    for key in ("image", "colormap", "prompt", "coarse_mask")
                    if key in inputs
                }
            )
            image, found = self._answer(sample, generator[number])
            images.append(Image.fromarray(image))
            colormaps.append(sample.colormap)
            segments.append(found)
            labels = np.unique(found[found > 0]).tolist()
            entities.append([Found(label, 0.9 - 0.1 * label) for label in labels])
        return Output(images, np.stack(colormaps), np.stack(segments), entities)

    def _find(self, given):
        def fits(sample):
            seen = np.asarray(given.get("image", sample.image))
            hole = sample.coarse_mask if "coarse_mask" in given else np.zeros((SIDE, SIDE), bool)
            return (
                np.array_equal(seen[~hole], sample.image[~hole])
                and np.array_equal(given.get("colormap", sample.colormap), sample.colormap)
                and given.get("prompt", sample.prompt) == sample.prompt
            )

        return next(sample for sample in self.known if fits(sample))

    def _answer(self, sample, generator):
        if self.worth == "truth":
            return sample.image, sample.segments
        if self.worth == "too much":
            return sample.image, sample.segments + 1
        if self.worth == "nothing":
            return np.zeros_like(sample.image), np.zeros_like(sample.segments)
        rng = np.random.default_rng(generator.initial_seed())
        if self.worth == "blurred":
            shift, fault = rng.integers(0, 3, 2)
            found = np.roll(sample.segments, shift, axis=1)
            return np.roll(sample.image, shift, axis=1), np.where(found == fault, 0, found)
        noise = rng.integers(0, 256, sample.image.shape, dtype=np.uint8)
        return noise, rng.integers(0, 5, sample.segments.shape).astype(np.int32)
