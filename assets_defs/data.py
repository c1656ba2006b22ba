"""Assets from annotations to checked scenes: raw data, scenes indexes, quarantine report."""

import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

import dagster as dg

from assets_defs.arrival.roots import (
    data_root,
    digest_of_listing,
    fetch_copies,
    observed,
    observed_copy,
)
from assets_defs.cache.build import Built, Outcome, build_or_reuse
from assets_defs.cache.records import build_record
from assets_defs.cache.staleness import code_of
from assets_defs.metadata.materialize import materialized, materialized_each
from assets_defs.metadata.scene_pictures import quarantine_table, scene_sheet
from assets_defs.run.folders import Folders
from assets_defs.run.partitions import SPLITS, held
from assets_defs.run.planning import require_fit
from assets_defs.run.step import step_of_run
from resources.run_settings import GraphSettings
from resources.store import Store
from unigs.errors import DataError
from unigs.index.listing import list_files
from unigs.io.files import sha256_of
from unigs.lineage.forgotten import exclusions, read_forgotten
from unigs.workflows.sources import Source

GENERATOR_CODE = code_of("generated")
READER_CODE = code_of("index")
INDEX = "index.parquet"
SHEET = "scenes.png"


def index_file(folders: Folders, dataset: str, split: str) -> Path:
    """Return the path of the scenes index of a split of a data set."""
    return folders.scenes(dataset, split) / INDEX


@dg.asset(
    group_name="data",
    kinds={"coco"},
    owners=["team:data"],
    code_version=GENERATOR_CODE,
)
@step_of_run
def raw(
    context: dg.AssetExecutionContext, store: Store, settings: GraphSettings
) -> dg.MaterializeResult:
    """The annotated images: the generated set shapes, folders that are only looked at, or
    copies of what is in a bucket.

    A run that cannot fit the disk or the device ends here, before any of its work but these copies.
    """
    folders = Folders.of(store, settings)
    fetched = fetch_copies(context, folders.store, settings)
    require_fit(store, settings)

    def outcome(source: Source) -> Outcome:
        place = folders.raw(source.dataset)
        if source.root is None:
            return _generated(place, settings)
        if isinstance(source.root, str):
            copy = data_root(folders, settings, source.dataset)
            return observed_copy(place, source.root, fetched[source.dataset], copy)
        return observed(place, source.root)

    return materialized_each(
        context, {source.dataset: outcome(source) for source in settings.sources}
    )


def _generated(place: Path, settings: GraphSettings) -> Outcome:
    from unigs.datasets.shapes.generate import write_shapes

    data = settings.values.data
    options = {
        "train": data.train_scenes,
        "val": data.val_scenes,
        "size": data.size,
        "seed": data.seed,
    }

    def build(folder: Path, resume: bool) -> Built:
        write_shapes(
            folder, data.train_scenes, data.val_scenes, data.size, data.seed, settings.workers
        )
        return Built(digest_of_listing(list_files(folder)), dict(options))

    inputs = {"code": GENERATOR_CODE, "options": options}
    return build_or_reuse(place, inputs, build, carry=True)


def _scenes_index(split: str) -> dg.AssetsDefinition:
    @dg.asset(
        name=f"scenes_index_{split}",
        deps=[raw],
        group_name="data",
        kinds={"parquet"},
        owners=["team:data"],
        code_version=READER_CODE,
        description=f"Every image of {split} as a row: digests, entities, or why quarantined.",
    )
    @step_of_run
    def scenes_index(
        context: dg.AssetExecutionContext, store: Store, settings: GraphSettings
    ) -> dg.MaterializeResult:
        folders = Folders.of(store, settings)
        outcomes = {
            name: _indexed(folders, settings, name, split) for name in held(settings, split)
        }
        return materialized_each(context, outcomes, {"scenes": SHEET})

    return scenes_index


def _indexed(folders: Folders, settings: GraphSettings, name: str, split: str) -> Outcome:
    """Build the index of a split of one data set, and the tables that find its images."""
    root, kind = data_root(folders, settings, name), settings.source(name).format
    forgotten = read_forgotten(folders.store)

    def build(folder: Path, resume: bool) -> Built:
        from unigs.datasets import open_dataset
        from unigs.index.scenes_index import ScenesIndex, build_index

        dataset = open_dataset(kind, root, split, name)
        annotations = dataset.annotations_at(dataset.root, dataset.split)
        report = build_index(
            dataset,
            folder / INDEX,
            cache=row_cache(folder),
            excluded=exclusions(forgotten, name, split),
        )
        if not report.images:
            reason = next(iter(report.reasons | report.forgotten), "it is empty")
            raise DataError(f"{split} holds no usable image: {reason}", file=root)
        scene_sheet(ScenesIndex(folder / INDEX), folder / SHEET)
        return Built(
            report.digest,
            {
                "images": report.images,
                "entities": report.entities,
                "crowd_regions": report.crowd,
                "classes": report.classes,
                "reused": report.reused,
                "quarantined": report.quarantined,
                "reasons": report.reasons,
                "forgotten": report.forgotten,
                "notes": report.notes,
                # none for a data set that has an annotation file per image
                "annotations": (
                    {dataset.relative(annotations): sha256_of(annotations)}
                    if annotations.is_file()
                    else {}
                ),
            },
        )

    inputs = {
        "code": READER_CODE,
        "raw": build_record(folders.raw(name))["digest"],
        "dataset": name,
        "format": kind,
    }
    if forgotten:
        inputs["forgotten"] = [[image.image_digest, image.sentence] for image in forgotten]
    place = folders.scenes(name, split)
    outcome = build_or_reuse(place, inputs, build, reads=[folders.raw(name)], carry=True)
    from unigs.lineage.tables import Tables

    Tables(folders.store).write_scenes(place / INDEX, outcome.digest)
    return outcome


def row_cache(folder: Path) -> Path:
    """Return the hidden file of cached rows; rows read by other code are removed."""
    # hidden, because it may be lost without anything being built again
    cache = folder / f".rows-{READER_CODE[:16]}.parquet"
    for other in folder.glob(".rows-*.parquet"):
        if other != cache:
            other.unlink()
    return cache


scenes_indexes = [_scenes_index(split) for split in SPLITS]


@dg.asset(
    deps=scenes_indexes,
    group_name="data",
    kinds={"json"},
    owners=["team:data"],
    check_specs=[
        dg.AssetCheckSpec(
            "quarantined_share",
            asset="quarantine_report",
            blocking=True,
            description="No data set has more quarantined records than the settings allow.",
        )
    ],
)
@step_of_run
def quarantine_report(
    context: dg.AssetExecutionContext, store: Store, settings: GraphSettings
) -> dg.MaterializeResult:
    """Quarantined records by reason, with file names; stops the run when there are too many. What
    was forgotten on request is listed too, and does not count."""
    folders = Folders.of(store, settings)
    batches = [(dataset, split) for split in SPLITS for dataset in held(settings, split)]

    def build(folder: Path, resume: bool) -> Built:
        from unigs.index.scenes_index import ScenesIndex

        quarantined: list[dict[str, Any]] = []
        rows: dict[str, int] = {}
        of: Counter[str] = Counter()
        for dataset, split in batches:
            index = ScenesIndex(index_file(folders, dataset, split))
            batch = {"dataset": dataset, "split": split}
            refused = list(index.quarantined())
            of[dataset] += len(refused)
            quarantined += [
                {**batch, "file": item.file, "record": item.record, "reason": item.reason}
                for item in (*refused, *index.forgotten())
            ]
            rows[dataset] = rows.get(dataset, 0) + len(index)
        text = json.dumps(quarantined, indent=1)
        (folder / "quarantine.json").write_text(text, encoding="utf-8")
        # A small data set must not hide behind a large one.
        share = max(of[dataset] / max(count, 1) for dataset, count in rows.items())
        return Built(
            hashlib.sha256(text.encode()).hexdigest(),
            {
                "records": sum(rows.values()),
                "quarantined": of.total(),
                "forgotten": len(quarantined) - of.total(),
                "quarantined_share": round(share, 6),
            },
        )

    records = {
        f"{dataset}-{split}": build_record(folders.scenes(dataset, split))
        for dataset, split in batches
    }
    inputs = {
        batch: [
            record["digest"],
            *(record["metadata"][name] for name in ("quarantined", "reasons", "forgotten")),
        ]
        for batch, record in records.items()
    }
    reads = [folders.scenes(*batch) for batch in batches]
    outcome = build_or_reuse(folders.quarantine, inputs, build, reads=reads)
    share = outcome.metadata["quarantined_share"]
    quarantined = json.loads((outcome.folder / "quarantine.json").read_text(encoding="utf-8"))
    allowed = settings.values.data.quarantined_share
    first = next(iter(quarantined), {"file": "", "reason": ""})
    check = dg.AssetCheckResult(
        check_name="quarantined_share",
        passed=share <= allowed,
        description=(
            f"{share:.1%} of the records of a data set are quarantined, {allowed:.1%} are allowed; "
            f"the first is {first['file']}: {first['reason']}"
            if share > allowed
            else None
        ),
        metadata={
            "share": share,
            "allowed": allowed,
            "quarantined": dg.MetadataValue.md(quarantine_table(quarantined)),
        },
    )
    return materialized(context, outcome, check_results=[check])
