"""The two dimensions of the shards: which batch of annotations, and which task.

A batch is a split of a data set (``shapes-train``); the data set is part of the batch's key because
Dagster's partitions have two dimensions at most. One run covers a rectangle of partitions, given by
its first and last key. The parts of a mix are no rectangle: its run covers the validation split
for evaluation, and the steps also report the training partitions of each data set. Data sets that
a mix calls by names of its own have no partitions: ``mix-val`` stands for the evaluated one.
"""

import json
from collections.abc import Sequence

import dagster as dg

from resources.run_settings import GraphSettings
from unigs.config.data import MIX
from unigs.datasets import DATASETS
from unigs.tasks import TASKS

SETTINGS_TAG = "unigs/settings"
# PostgreSQL's index of tags takes 2,704 in a row.
_TAG_BYTES = 2000

SPLITS = ("train", "val")
BATCHES = tuple(f"{dataset}-{split}" for dataset in (*DATASETS, MIX) for split in SPLITS)

SHARD_PARTITIONS = dg.MultiPartitionsDefinition(
    {
        "batch": dg.StaticPartitionsDefinition(list(BATCHES)),
        "task": dg.StaticPartitionsDefinition(list(TASKS)),
    }
)


def partition_key(dataset: str, split: str, task: str) -> str:
    """Return the key of one shard folder: ``shapes-train|entity``."""
    return f"{dataset}-{split}|{task}"


def known_key(settings: GraphSettings, part: tuple[str, str, str]) -> str | None:
    """Return the partition of Dagster's that a shard folder is; None where it has none."""
    dataset, split, task = part
    if dataset in DATASETS:
        return partition_key(*part)
    return partition_key(MIX, split, task) if part in evaluated_parts(settings) else None


def parts(settings: GraphSettings) -> list[tuple[str, str, str]]:
    """Return (data set, split, task) of every shard folder of a run: the data sets that are trained
    on with their tasks, and the validation split for evaluation, with all."""
    train = [(one.dataset, "train", task) for one in settings.sources for task in one.tasks]
    return train + evaluated_parts(settings)


def evaluated_parts(settings: GraphSettings) -> list[tuple[str, str, str]]:
    """Return (data set, split, task) of the shard folders that models are evaluated on."""
    return [(settings.evaluated, "val", task) for task in TASKS]


def held(settings: GraphSettings, split: str) -> list[str]:
    """Return the data sets of a run that have such a split."""
    return list(dict.fromkeys(part[0] for part in parts(settings) if part[1] == split))


def with_task(settings: GraphSettings, split: str, task: str) -> list[str]:
    """Return the data sets of a run that have shards of a task in a split."""
    return [dataset for dataset, *batch in parts(settings) if batch == [split, task]]


def run_tags(settings: GraphSettings, splits: Sequence[str] = SPLITS) -> dict[str, str]:
    """Return run tags: what the run is of, and the shards of ``splits``; a mix is always brought up
    to date as a whole."""
    about = settings_tags(settings)
    if settings.dataset != MIX:
        return about | range_tags(settings.evaluated, splits)
    named = settings.evaluated if settings.evaluated in DATASETS else MIX
    return about | range_tags(named, ("val",))


def settings_tags(settings: GraphSettings) -> dict[str, str]:
    """Return run tags that tell runs of different data sets and presets apart."""
    return {"unigs/dataset": settings.dataset, "unigs/preset": settings.preset_name}


def all_settings_tag(settings: GraphSettings) -> dict[str, str]:
    """Return the run tag that tells every setting which is not the default, as JSON; none for more
    than a database keeps in a tag."""
    said = settings.model_dump(exclude_defaults=True)
    text = json.dumps({**said, "preset": settings.preset, "dataset": settings.dataset})
    return {SETTINGS_TAG: text} if len(text.encode()) <= _TAG_BYTES else {}


def range_tags(
    dataset: str, splits: Sequence[str] = SPLITS, tasks: Sequence[str] = tuple(TASKS)
) -> dict[str, str]:
    """Return run tags that select ``splits`` x ``tasks`` of a data set in one run.

    Both must be contiguous in the order of the dimensions, as they are when one or all are named.
    """
    first = partition_key(dataset, splits[0], tasks[0])
    return key_range(first, partition_key(dataset, splits[-1], tasks[-1]))


def key_range(first: str, last: str) -> dict[str, str]:
    """Return run tags that select the partitions from ``first`` to ``last``."""
    return {
        "dagster/asset_partition_range_start": first,
        "dagster/asset_partition_range_end": last,
    }
