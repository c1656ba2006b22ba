"""What a run of `unigs run` leaves below STORE/DATASET-PRESET, for benchmarks that train on it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unigs.config.preset import Preset
from unigs.evaluators.bundle import Evaluators, load_evaluators
from unigs.index.scene_source import IndexedScenes, SceneList, SceneSource
from unigs.latents.build import build_latents
from unigs.latents.stores import Encoders
from unigs.models.autoencoder import load_autoencoder
from unigs.models.text import load_text_encoder
from unigs.samples.split_options import sample_options
from unigs.shards.build import build_shards
from unigs.shards.manifest import MANIFEST

SPLITS = ("train", "val")


@dataclass(frozen=True)
class Samples:
    """Folders by task: what is learned, what is validated, and held-out shards of pixels."""

    train: dict[str, Path]
    validation: dict[str, Path]
    held_out: dict[str, Path]


@dataclass(frozen=True)
class RunFolder:
    """A run on one data set.

    Attributes:
        root: of the data set; None for the place that the run noted.
    """

    folder: Path
    root: Path | None = None

    def encoders(self, preset: Preset) -> Encoders:
        """Return the models that made its latents."""
        components = self.folder / "components"
        return Encoders(
            components / "autoencoder",
            components / "text_encoder",
            preset.codec.refine_steps,
            preset.autoencoder.sample_posterior,
        )

    def evaluators(self) -> Evaluators:
        """Return its evaluators, as far as there are any."""
        places = [
            self.folder / "evaluators" / kind / "weights" for kind in ("dual_encoder", "segmenter")
        ]
        return load_evaluators(*(place if place.is_dir() else None for place in places))

    def samples(self, tasks: Iterable[str]) -> Samples:
        """Return its own samples: latents where it wrote some, else pixels."""

        def read(split: str, task: str) -> Path:
            latents = self.folder / "latents" / split / task
            return latents if (latents / MANIFEST).is_file() else self._shards(split, task)

        return Samples(
            {task: read("train", task) for task in tasks},
            {task: read("val", task) for task in tasks},
            {task: self._shards("val", task) for task in tasks},
        )

    def rebuilt(self, preset: Preset, tasks: Iterable[str], work: Path, every: int = 1) -> Samples:
        """Return samples of another palette or other variants, as the preset says, of every
        `every`-th training photograph by key, built below `work`."""
        encoders = self.encoders(preset)
        made: dict[str, dict[str, Path]] = {split: {} for split in SPLITS}
        models: tuple[Any, ...] = ()
        for split in SPLITS:
            scenes = IndexedScenes(self.folder / "scenes" / split / "index.parquet", self.root)
            options = sample_options(preset, scenes.class_names, split)
            used: SceneSource = scenes
            if split == "train" and every > 1:
                keys = sorted(head.key for head in scenes.heads())
                used = SceneList(*scenes.split([keys[::every]]))
            for task in tasks:
                shards, latents = (work / kind / split / task for kind in ("shards", "latents"))
                build_shards(
                    used, task, options, shards, seed=preset.data.seed,
                    variants=preset.data.variants if split == "train" else 1,
                    samples_per_shard=preset.data.samples_per_shard,
                    image_format=preset.data.image_format,
                )  # fmt: skip
                if not models:
                    tokenizer, text_encoder = load_text_encoder(encoders.text_encoder)
                    models = load_autoencoder(encoders.autoencoder), text_encoder, tokenizer
                build_latents(shards, latents, *models, encoders.refine_steps)
                made[split][task] = latents
        held_out = {task: work / "shards" / "val" / task for task in made["val"]}
        return Samples(made["train"], made["val"], held_out)

    def _shards(self, split: str, task: str) -> Path:
        return self.folder / "shards" / split / task


def by_metric(values: Iterable[Any]) -> Mapping[str, float]:
    """Return metric -> value of a model's own values, without the evaluators' names."""
    return {value.metric: value.value for value in values}
