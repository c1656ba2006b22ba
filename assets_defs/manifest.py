"""Combine shard folders into one data version, on which a model is trained and evaluated."""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from assets_defs.arrival.roots import data_root
from assets_defs.cache.build import Built, build_or_reuse
from assets_defs.cache.records import (
    build_record,
    built_digest,
    damaged,
    damages,
    fingerprint,
    read_record,
    verify,
)
from assets_defs.data import INDEX, index_file
from assets_defs.metadata.materialize import materialized
from assets_defs.run.folders import Folders
from assets_defs.run.partitions import partition_key, parts, with_task
from assets_defs.run.step import step_of_run
from assets_defs.shards import latents, shards
from resources.mlflow.tracking import DatasetInput
from resources.run_settings import GraphSettings
from resources.store import Store
from unigs.errors import DataError

SHARDS_ARE_WHOLE = "shards_are_whole"
_DAMAGES_SHOWN = 20


@dg.asset(
    deps=[shards, latents],
    group_name="data",
    kinds={"json"},
    owners=["team:data"],
    check_specs=[
        dg.AssetCheckSpec(
            SHARDS_ARE_WHOLE,
            asset="shard_manifest",
            blocking=True,
            description="Every shard matches the checksums of its manifest.",
        )
    ],
)
@step_of_run
def shard_manifest(
    context: dg.AssetExecutionContext, store: Store, settings: GraphSettings
) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult]:
    """All data sets, splits and tasks of the run; its version is the digest of the shard digests.

    Every run verifies the checksums of all shards; a damaged one fails the check,
    stops the run and is named. Then they are copied to the store's bucket, if it has one.
    """
    folders = Folders.of(store, settings)
    listed = _listed(folders, settings)
    kinds = [folders.shards] + [folders.latents] * settings.values.data.latents
    places = [kind(*part) for part in parts(settings) for kind in kinds]
    found = [damage for place in places for damage in damages(place)]
    result = shards_are_whole(places, found)
    if found:
        yield result
        raise damaged(*found[0])

    def build(folder: Path, resume: bool) -> Built:
        if store.remote:
            publish(store, places)
        (folder / "manifest.json").write_text(json.dumps(listed, indent=1), encoding="utf-8")
        return Built(
            fingerprint(**{key: entry["shards"] for key, entry in listed.items()}),
            {
                "shards": sum(entry["files"] for entry in listed.values()),
                "samples": {key: entry["samples"] for key, entry in listed.items()},
                "digests": {key: entry["shards"] for key, entry in listed.items()},
            },
        )

    inputs = listed | ({"bucket": store.remote} if store.remote else {})
    outcome = build_or_reuse(folders.manifest, inputs, build)
    yield materialized(context, outcome, check_results=[result])


def shards_are_whole(
    places: Sequence[Path], found: Sequence[tuple[Path, str]]
) -> dg.AssetCheckResult:
    """Build the check result: the folders read, and each damaged file with its sample."""
    lines = [": ".join(filter(None, (str(file), key))) for file, key in found]
    return dg.AssetCheckResult(
        check_name=SHARDS_ARE_WHOLE,
        passed=not found,
        metadata={"folders": len(places), "damaged": lines[:_DAMAGES_SHOWN]},
        description=str(damaged(*found[0])) if found else None,
    )


def publish(store: Store, places: Iterable[Path]) -> None:
    """Upload some folders of shards to the store's bucket."""
    from unigs.shards.mirror import push_shards

    for place in places:
        push_shards(place, store.address(place))


def fetch(store: Store, places: Iterable[Path]) -> None:
    """Download folders of shards that are missing or incomplete locally from the store's bucket.

    A folder that matches its record is left alone, whatever the bucket holds.
    Does nothing without a bucket. Raises :class:`~unigs.errors.DataError` when the bucket has
    other shards.
    """
    from unigs.shards.mirror import pull_shards

    for place in places if store.remote else ():
        recorded = built_digest(place)
        try:
            verify([place])
        except DataError:
            pull_shards(store.address(place), place, recorded)


def _listed(folders: Folders, settings: GraphSettings) -> dict[str, Any]:
    listed = {}
    for part in parts(settings):
        samples, encoded = (
            build_record(folder) for folder in (folders.shards(*part), folders.latents(*part))
        )
        listed[partition_key(*part)] = {
            "shards": samples["digest"],
            "latents": encoded["digest"],
            "samples": samples["metadata"]["samples"],
            "files": samples["metadata"]["shards"],
        }
    return listed


def dataset_inputs(
    folders: Folders, settings: GraphSettings, split: str, tasks: Iterable[str]
) -> list[DatasetInput]:
    """Return the shard folders of ``tasks`` as MLflow data set inputs, then for each data set its
    scenes index and the annotation file that was read for it."""
    context, tasks = "training" if split == "train" else "evaluation", tuple(tasks)
    shard_inputs = [
        DatasetInput(
            name=f"{dataset}-{split}.{task}",
            digest=built_digest(folders.shards(dataset, split, task)),
            context=context,
            source=folders.shards(dataset, split, task),
        )
        for task in tasks
        for dataset in with_task(settings, split, task)
    ]
    datasets = dict.fromkeys(one for task in tasks for one in with_task(settings, split, task))
    return shard_inputs + [
        item
        for dataset in datasets
        for item in annotation_inputs(folders, settings, dataset, split, context)
    ]


def annotation_inputs(
    folders: Folders, settings: GraphSettings, dataset: str, split: str, context: str
) -> Iterator[DatasetInput]:
    """Yield the scenes index of a split and its annotation file as MLflow data set inputs; no
    index in a store that has only shards, no file where each image has its own."""
    record = read_record(folders.scenes(dataset, split))
    if record is None:
        return
    source = index_file(folders, dataset, split)
    yield DatasetInput(f"{dataset}-{split}.scenes", record["files"][INDEX], context, source)
    root = data_root(folders, settings, dataset).absolute()
    for file, digest in record["metadata"].get("annotations", {}).items():
        yield DatasetInput(f"{dataset}-{split}.annotations", digest, context, root / file)
