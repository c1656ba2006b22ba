"""Batches of annotations as partitions: of an asset that no run makes, so that no run needs a range
of them beside its range of shards."""

import dagster as dg

BATCHES = dg.DynamicPartitionsDefinition(name="annotation_batches")

annotation_batch = dg.AssetSpec(
    "annotation_batch",
    partitions_def=BATCHES,
    group_name="data",
    kinds={"coco"},
    owners=["team:data"],
    description=(
        "What arrived: a partition for each complete state of a data set's files that the sensor "
        "saw, materialised once a run has succeeded on it, with the files that were new in it, "
        "their scenes, and what was quarantined. A partition that stays missing was not taken in."
    ),
)
