"""Batches of annotations as partitions: of an asset that no run makes, so that no run needs a range
of them beside its range of shards."""

import dagster as dg

from assets_defs.run.keys import asset_key


def batches_of(run: str) -> dg.DynamicPartitionsDefinition:
    """Return the partitions of a run, ``coco_panoptic-sd15``: another run takes in a batch by
    itself."""
    return dg.DynamicPartitionsDefinition(name=f"annotation_batches/{run}")


def annotation_batch(run: str) -> dg.AssetSpec:
    """Return the asset of a run's batches."""
    return dg.AssetSpec(
        asset_key(run, "annotation_batch"),
        partitions_def=batches_of(run),
        group_name="data",
        kinds={"coco"},
        owners=["team:data"],
        description=(
            "What arrived: a partition for each complete state of a data set's files that the "
            "sensor saw, materialised once a run has succeeded on it, with the files that were new "
            "in it, their scenes, and what was quarantined. A partition that stays missing was not "
            "taken in."
        ),
    )
