"""From the annotations to checked scenes: raw data, scenes indexes, quarantine report."""

import hashlib
import json
from pathlib import Path

import dagster as dg

from assets_defs.code_version import code_version
from assets_defs.folders import Folders
from assets_defs.keep import RECORD, STARTED, Built, keep_or_build, kept_record
from assets_defs.outcome import materialized
from assets_defs.partitions import SPLITS
from resources.settings import GraphSettings
from resources.store import Store
from unigs.errors import DataError

GENERATOR_CODE = code_version("datasets/shapes")
READER_CODE = code_version("scenes_index")
INDEX = "index.parquet"
SHEET = "scenes.png"


def dataset_root(folders: Folders, settings: GraphSettings) -> Path:
    """The folder the readers read: the user's, or the generated one."""
    return settings.external_root or folders.raw


def index_file(folders: Folders, split: str) -> Path:
    """The scenes index of a split."""
    return folders.scenes(split) / INDEX


@dg.asset(group_name="data", code_version=GENERATOR_CODE)
def raw(
    context: dg.AssetExecutionContext, store: Store, settings: GraphSettings
) -> dg.MaterializeResult:
    """The annotated images: the generated ``shapes`` set, or a folder that is only looked at."""
    folders = Folders.of(store, settings)
    root = settings.external_root
    if root is None:
        return materialized(context, _generated(folders, settings))
    return materialized(context, _observed(folders, root))


def _generated(folders: Folders, settings: GraphSettings):
    from unigs.datasets.shapes import write_shapes

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
        return Built(_listing_digest(folder), dict(options))

    inputs = {"code": GENERATOR_CODE, "options": options}
    return keep_or_build(folders.raw, inputs, build)


def _observed(folders: Folders, root: Path):
    if not root.is_dir():
        raise DataError("no such folder", file=root, mend="check --root")
    listing = _listing_digest(root)
    count = sum(1 for path in root.rglob("*") if path.is_file())

    def build(folder: Path, resume: bool) -> Built:
        return Built(listing, {"root": str(root), "files": count})

    return keep_or_build(folders.raw, {"root": str(root), "listing": listing}, build)


def _listing_digest(root: Path) -> str:
    """SHA-256 over name, size and time of every file: cheap to see whether to look closer."""
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        if path.is_file() and path.name not in (RECORD, STARTED) and path.name[0] != ".":
            state = path.stat()
            name = path.relative_to(root).as_posix()
            digest.update(f"{name!r} {state.st_size} {state.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _scenes_index(split: str) -> dg.AssetsDefinition:
    @dg.asset(
        key=["scenes_index", split],
        deps=[raw],
        group_name="data",
        code_version=READER_CODE,
        description=f"Every image of {split} as a row: digests, entities, or why it is refused.",
    )
    def scenes_index(
        context: dg.AssetExecutionContext, store: Store, settings: GraphSettings
    ) -> dg.MaterializeResult:
        folders = Folders.of(store, settings)
        root = dataset_root(folders, settings)

        def build(folder: Path, resume: bool) -> Built:
            from unigs.datasets import open_dataset
            from unigs.scenes_index import ScenesIndex, build_index

            dataset = open_dataset(settings.dataset, root, split)
            report = build_index(dataset, folder / INDEX, cache=row_cache(folder))
            if not report.images:
                reason = next(iter(report.reasons), "it is empty")
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
                },
            )

        inputs = {
            "code": READER_CODE,
            "raw": kept_record(folders.raw)["digest"],
            "dataset": settings.dataset,
        }
        outcome = keep_or_build(folders.scenes(split), inputs, build)
        return materialized(context, outcome, {"scenes": outcome.folder / SHEET})

    return scenes_index


def row_cache(folder: Path) -> Path:
    """The hidden file of rows that the next build takes over; rows that other code read go."""
    # hidden, because it may be lost without anything being built again
    cache = folder / f".rows-{READER_CODE[:16]}.parquet"
    for other in folder.glob(".rows-*.parquet"):
        if other != cache:
            other.unlink()
    return cache


def scene_sheet(index, file: Path, count: int = 12, side: int = 96) -> None:
    """Write a PNG of the first scenes: images in one row, their entities in the next."""
    from itertools import islice

    import numpy as np
    from PIL import Image

    from unigs.colormap import Palette

    palette = Palette(grid=11)
    sheet = Image.new("RGB", (count * side, 2 * side))
    for column, scene in enumerate(islice(iter(index), count)):
        pictures = (scene.image(), palette.encode(np.where(scene.valid, scene.segments, 0)))
        for row, picture in enumerate(pictures):
            small = Image.fromarray(picture).resize((side, side), Image.Resampling.NEAREST)
            sheet.paste(small, (column * side, row * side))
    sheet.save(file, optimize=True)


scenes_indexes = [_scenes_index(split) for split in SPLITS]


@dg.asset(
    deps=scenes_indexes,
    group_name="data",
    check_specs=[
        dg.AssetCheckSpec(
            "refused_share",
            asset="quarantine_report",
            blocking=True,
            description="Not more records are refused than the settings allow.",
        )
    ],
)
def quarantine_report(
    context: dg.AssetExecutionContext, store: Store, settings: GraphSettings
) -> dg.MaterializeResult:
    """What was refused, by reason, with file names; stops the run when it is too much."""
    folders = Folders.of(store, settings)

    def build(folder: Path, resume: bool) -> Built:
        from unigs.scenes_index import ScenesIndex

        refused = [
            {"split": split, "file": item.file, "record": item.record, "reason": item.reason}
            for split in SPLITS
            for item in ScenesIndex(index_file(folders, split)).quarantined()
        ]
        rows = sum(len(ScenesIndex(index_file(folders, split))) for split in SPLITS)
        text = json.dumps(refused, indent=1)
        (folder / "quarantine.json").write_text(text, encoding="utf-8")
        share = len(refused) / max(rows, 1)
        return Built(
            hashlib.sha256(text.encode()).hexdigest(),
            {"records": rows, "refused": len(refused), "refused_share": round(share, 6)},
        )

    digests = {split: kept_record(folders.scenes(split)) for split in SPLITS}
    inputs = {
        split: [record["digest"], record["metadata"]["quarantined"], record["metadata"]["reasons"]]
        for split, record in digests.items()
    }
    outcome = keep_or_build(folders.quarantine, inputs, build)
    share = outcome.metadata["refused_share"]
    refused = json.loads((outcome.folder / "quarantine.json").read_text(encoding="utf-8"))
    check = dg.AssetCheckResult(
        check_name="refused_share",
        passed=share <= settings.values.data.refused_share,
        metadata={
            "share": share,
            "allowed": settings.values.data.refused_share,
            "refused": dg.MetadataValue.md(refusals_table(refused)),
        },
    )
    return materialized(context, outcome, check_results=[check])


def refusals_table(refused: list[dict], limit: int = 200) -> str:
    """Markdown: one line a refused record, the first ``limit`` of them."""
    lines = ["| split | file | record | reason |", "|---|---|---|---|"]
    lines += [
        f"| {item['split']} | {item['file']} | {item['record']} | {item['reason']} |"
        for item in refused[:limit]
    ]
    if len(refused) > limit:
        lines.append(f"and {len(refused) - limit} more in quarantine.json")
    return "\n".join(lines)
