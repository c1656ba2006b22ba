"""The data of a mix without the graph: indexes, shards, latents and the frozen models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from unigs.config.data import MIX
from unigs.config.preset import Preset
from unigs.datasets import open_dataset
from unigs.index.scene_source import IndexedScenes, SceneList
from unigs.index.scenes_index import ScenesIndex, build_index
from unigs.io.device import this_device
from unigs.io.machine import encoding_processes
from unigs.latents.build import build_latents
from unigs.latents.stores import Encoders
from unigs.models.components import make_autoencoder, make_text_encoder
from unigs.models.text import save_text_encoder
from unigs.samples.split_options import sample_options
from unigs.shards.build import build_shards
from unigs.tasks import TASKS
from unigs.workflows.sources import Source, evaluated, run_sources


@dataclass(frozen=True)
class Prepared:
    """What training and evaluation read.

    Attributes:
        train: task -> {data set: its latents}.
        validation: task -> held-out latents; held_out: the same as pixel shards.
        class_names: of all data sets.
    """

    train: Mapping[str, Mapping[str, Path]]
    validation: Mapping[str, Path]
    held_out: Mapping[str, Path]
    encoders: Encoders
    class_names: tuple[str, ...]


def prepare(
    preset: Preset, root: str, work: Path, workers: int, limit: int | None = None
) -> Prepared:
    """Build below `work` what is not there yet.

    Args:
        root: of the preset's mix.
        limit: of the scenes of each split of a data set.
    """
    sources = run_sources(preset, MIX, root)
    held_out = evaluated(preset, MIX)
    splits = [(source, "train") for source in sources]
    splits += [(source, "val") for source in sources if source.dataset == held_out]
    indexes = {(source.dataset, split): _index(source, split, work) for source, split in splits}
    shards: dict[tuple[str, str, str], Path] = {}
    for source, split in splits:
        index = indexes[source.dataset, split]
        names = ScenesIndex(index, source.root).class_names
        options = sample_options(preset, names, split, source.exhaustive)
        scenes: Any = IndexedScenes(index, source.root)
        if limit is not None:
            scenes = SceneList(islice(iter(ScenesIndex(index, source.root)), limit))
        for task in source.tasks if split == "train" else TASKS:
            place = work / "shards" / source.dataset / split / task
            build_shards(
                scenes, task, options, place, seed=preset.data.seed,
                variants=preset.data.variants if split == "train" else 1,
                samples_per_shard=preset.data.samples_per_shard,
                image_format=preset.data.image_format, workers=workers,
            )  # fmt: skip
            shards[source.dataset, split, task] = place
    names = tuple(
        dict.fromkeys(n for index in indexes.values() for n in ScenesIndex(index).class_names)
    )
    most = max(preset.data.train_entities, preset.data.test_entities)
    tokenizer, text_encoder = make_text_encoder(preset.text, names, most)
    fitted_on = [place for (_, split, _), place in shards.items() if split == "train"]
    autoencoder = make_autoencoder(preset.autoencoder, fitted_on)
    autoencoder.save_pretrained(work / "autoencoder")
    save_text_encoder(work / "text_encoder", tokenizer, text_encoder)
    device: Any = this_device()
    models = (autoencoder.to(device), text_encoder.to(device), tokenizer)
    latents = {part: work / "latents" / Path(*part) for part in shards}
    for part, place in shards.items():
        build_latents(
            place, latents[part], *models, preset.codec.refine_steps,
            processes=encoding_processes(device) if limit is None else 1,
        )  # fmt: skip
    return Prepared(
        {
            task: {s.dataset: latents[s.dataset, "train", task] for s in sources if task in s.tasks}
            for task in TASKS
        },
        {task: latents[held_out, "val", task] for task in TASKS},
        {task: shards[held_out, "val", task] for task in TASKS},
        Encoders(work / "autoencoder", work / "text_encoder", preset.codec.refine_steps),
        names,
    )


def _index(source: Source, split: str, work: Path) -> Path:
    assert source.root is not None, "a data set with a folder"
    file = work / "scenes" / f"{source.dataset}-{split}.parquet"
    file.parent.mkdir(parents=True, exist_ok=True)
    if not file.is_file():
        build_index(open_dataset(source.format, source.root, split, source.dataset), file)
    return file
