"""Pixel shards of generated scenes for the tests that really train or evaluate."""

from pathlib import Path

from unigs.colormap import Palette
from unigs.datasets import open_dataset
from unigs.datasets.shapes.generate import write_shapes
from unigs.samples.options import SampleOptions
from unigs.shards.build import build_shards


def write_shards(folder: Path, tasks, count=8, size=64, palette="smooth-5-v1", **options) -> Path:
    """`count` samples of each task under ``folder/TASK``; `options` of SampleOptions."""
    write_shapes(folder / "shapes", train=0, val=count, size=size)
    dataset = open_dataset("shapes", folder / "shapes", "val")
    scenes = list(dataset)
    drawn = SampleOptions(Palette.from_name(palette), tuple(dataset.class_names), size, **options)
    for task in tasks:
        build_shards(scenes, task, drawn, folder / task)
    return folder
