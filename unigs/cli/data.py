"""`unigs data`: read a whole data set and report its content, notes and quarantined records."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unigs.cli.output import print_result

EXAMPLES = (
    "unigs data --dataset coco_panoptic --root /data/coco --split val2017",
    "unigs data --dataset shapes --root /data/shapes --split val --index scenes.parquet",
)


def data(
    dataset: Annotated[str, typer.Option(help="Name of the data set.")],
    root: Annotated[Path, typer.Option(help="Folder of the data set, in its published layout.")],
    split: Annotated[str, typer.Option(help="Split to read.")],
    index: Annotated[
        Path | None, typer.Option(help="Also write the scenes index to this parquet file.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Read every image and annotation of a split."""
    from tempfile import TemporaryDirectory

    from tqdm import tqdm

    from unigs.datasets import open_dataset
    from unigs.errors import DataError
    from unigs.index.scenes_index import ScenesIndex, build_index

    source = open_dataset(dataset, root, split)
    with TemporaryDirectory() as folder, tqdm(unit="record", desc=f"{dataset} {split}") as bar:
        report = build_index(source, index or Path(folder) / "scenes.parquet", bar.update)
        quarantined = [
            {"file": item.file, "record": item.record, "reason": item.reason}
            for item in ScenesIndex(report.path).quarantined()
        ]
    print_result(
        {
            "images": report.images,
            "entities": report.entities,
            "classes": report.classes,
            "crowd": report.crowd,
            "digest": report.digest,
            "notes": [{"note": note, "count": count} for note, count in report.notes.items()],
            "quarantined": quarantined,
        },
        json,
    )
    if not report.images:
        raise DataError(f"no usable image, {report.quarantined} records quarantined", file=root)
