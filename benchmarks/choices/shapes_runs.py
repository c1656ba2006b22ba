"""What the benchmarks of learning share: generated scenes, their shards, short trainings.

Everything is cached in a folder (``--work``) and resumed or reused by the next call.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from unigs.config.preset import Preset, load_preset
from unigs.datasets import open_dataset
from unigs.datasets.shapes.generate import write_shapes
from unigs.evaluation.evaluate import evaluate
from unigs.evaluators.bundle import Evaluators
from unigs.index.scene_source import IndexedScenes
from unigs.index.scenes_index import build_index
from unigs.pipeline import UniGSPipeline
from unigs.samples.split_options import sample_options
from unigs.shards.build import build_shards
from unigs.workflows.train_from_shards import train_from_shards


def add_options(parser: argparse.ArgumentParser, steps: int) -> None:
    """The options of every benchmark that trains."""
    parser.add_argument("--preset", default="tiny")
    parser.add_argument("--steps", type=int, default=steps, help="optimiser steps")
    parser.add_argument("--train-scenes", type=int, help="the preset's if left out")
    parser.add_argument("--val-scenes", type=int, default=64)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0, help="of the training")
    parser.add_argument(
        "--work", type=Path, help="cache data and trainings here and resume from it"
    )


def chosen_preset(options: argparse.Namespace, overrides: dict[str, Any]) -> Preset:
    """The preset with the command line's choices and `overrides` (dotted names)."""
    values = {
        "data.val_scenes": options.val_scenes,
        "training.processes": options.processes,
        "training.seed": options.seed,
        **overrides,
    }
    if options.train_scenes is not None:
        values["data.train_scenes"] = options.train_scenes
    warmup = load_preset(options.preset).training.warmup_steps
    values["training.warmup_steps"] = min(warmup, options.steps // 5)
    return load_preset(options.preset, values)


def shapes_shards(
    preset: Preset, work: Path, split: str, tasks: Sequence[str], label: str = ""
) -> Path:
    """A folder with one folder of shards per task; `label` tells presets of other data apart."""
    data, workers = preset.data, preset.training.processes
    root = work / "shapes"
    write_shapes(root, data.train_scenes, data.val_scenes, data.size, data.seed, workers)
    index = work / f"{split}.parquet"
    build_index(open_dataset("shapes", root, split), index)
    scenes = IndexedScenes(index, root)
    options = sample_options(preset, scenes.class_names, split)
    folder = work / "shards" / f"{split}-{preset.codec.palette}{label}"
    for task in tasks:
        build_shards(
            scenes, task, options, folder / task,
            seed=data.seed, samples_per_shard=data.samples_per_shard, reshard=True, workers=workers,
        )  # fmt: skip
    return folder


def learned(
    preset: Preset, work: Path, name: str, tasks: Sequence[str], shards: Path, steps: int
) -> Path:
    """Return the pipeline folder of a training, resumed if interrupted, reused if finished."""
    out = work / "runs" / f"{name}-{steps}-{preset.training.seed}"
    out.mkdir(parents=True, exist_ok=True)
    file = out / f"{preset.name}.yaml"
    file.write_text(yaml.safe_dump(preset.model_dump(mode="json", exclude={"name", "overrides"})))
    report = train_from_shards(
        str(file), tasks, shards, out, steps, resume=True, should_stop=lambda: False
    )
    assert report is not None
    return Path(report["model"])


@contextmanager
def work_folder(given: Path | None) -> Iterator[Path]:
    """The folder of ``--work``, else one that is thrown away."""
    if given is not None:
        given.mkdir(parents=True, exist_ok=True)
        yield given
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def open_pipeline(folder: Path) -> UniGSPipeline:
    """A pipeline that shows no bars."""
    pipeline = UniGSPipeline.from_pretrained(folder)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def evaluated(pipeline: UniGSPipeline, task: str, shards: Path, out: Path, **how: Any) -> dict:
    """Return the mask metrics of one task."""
    values = evaluate(pipeline, task, shards / task, Evaluators(), out, baselines=False, **how)
    return values.named()
