"""Many shard folders become one data version: what a model was trained and evaluated on."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import dagster as dg

from assets_defs.folders import Folders
from assets_defs.keep import Built, build_or_reuse, build_record, built_digest, fingerprint
from assets_defs.outcome import materialized
from assets_defs.partitions import partition_key, parts, with_task
from assets_defs.shards import latents, shards
from resources.settings import GraphSettings
from resources.store import Store
from resources.tracking import DatasetInput
from unigs.errors import DataError


@dg.asset(
    deps=[shards, latents],
    group_name="data",
    check_specs=[
        dg.AssetCheckSpec(
            "shards_are_whole",
            asset="shard_manifest",
            blocking=True,
            description="Every byte of every shard is as its manifest says.",
        )
    ],
)
def shard_manifest(
    context: dg.AssetExecutionContext, store: Store, settings: GraphSettings
) -> dg.MaterializeResult:
    """All data sets, splits and tasks of the run; its version is the digest of the shard digests.

    Shards are read to the last byte before they enter; a damaged one stops the run and is named.
    Then they are copied to the store's bucket, if it has one.
    """
    folders = Folders.of(store, settings)
    listed = _listed(folders, settings)

    def build(folder: Path, resume: bool) -> Built:
        kinds = [folders.shards] + [folders.latents] * settings.values.data.latents
        places = [kind(*part) for part in parts(settings) for kind in kinds]
        for place in places:
            _verify(place)
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
    check = dg.AssetCheckResult(
        check_name="shards_are_whole", passed=True, metadata={"shards": outcome.metadata["shards"]}
    )
    return materialized(context, outcome, check_results=[check])


def publish(store: Store, places: Iterable[Path]) -> None:
    """Bring the store's bucket up to date with some folders of shards."""
    from unigs.shards.mirror import push_shards

    for place in places:
        push_shards(place, store.address(place))


def fetch(store: Store, places: Iterable[Path]) -> None:
    """Bring folders of shards that are not here whole back from the store's bucket.

    A folder that is as it was recorded when it was built is left alone, whatever the bucket holds.
    Nothing without a bucket; :class:`~unigs.errors.DataError` when the bucket has other shards.
    """
    from unigs.shards.mirror import pull_shards

    for place in places if store.remote else ():
        recorded = built_digest(place)
        if not _is_whole(place, recorded):
            pull_shards(store.address(place), place, recorded)


def _is_whole(folder: Path, digest: str) -> bool:
    from unigs.shards.manifest import MANIFEST, read_manifest
    from unigs.shards.verify import verify_shards

    if not (folder / MANIFEST).is_file() or verify_shards(folder):
        return False
    return read_manifest(folder).digest == digest


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


def _verify(folder: Path) -> None:
    from unigs.shards.verify import verify_shards

    for shard, key in verify_shards(folder):
        raise DataError(f"{key} is damaged", file=folder / shard, hint="delete the shard")


def dataset_inputs(
    folders: Folders, settings: GraphSettings, split: str, tasks: Iterable[str]
) -> list[DatasetInput]:
    """The shard folders of ``tasks`` as MLflow's data set inputs."""
    return [
        DatasetInput(
            name=f"{dataset}-{split}.{task}",
            digest=built_digest(folders.shards(dataset, split, task)),
            context="training" if split == "train" else "evaluation",
            source=folders.shards(dataset, split, task),
        )
        for task in tasks
        for dataset in with_task(settings, split, task)
    ]
