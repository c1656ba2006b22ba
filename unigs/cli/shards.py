"""`unigs shards`: build, verify, mirror and show the samples of a task."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from unigs.cli.output import print_result
from unigs.cli.shared.examples import examples

shards = typer.Typer(help="Build, verify and show the samples of a task.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]


@shards.command(
    epilog=examples(
        "unigs shards build --dataset coco_panoptic --root coco --split train2017 "
        "--task entity --out shards/entity",
        "unigs shards build --dataset shapes --root shapes --split val --task inpainting "
        "--out shards/inpainting --size 64",
    )
)
def build(
    dataset: Annotated[str, typer.Option(help="Name of the data set.")],
    root: Annotated[Path, typer.Option(help="Folder of the data set, in its published layout.")],
    split: Annotated[str, typer.Option(help="Split to read.")],
    task: Annotated[str, typer.Option(help="inpainting, synthesis, referring or entity.")],
    out: Annotated[Path, typer.Option(help="Output folder; updated if it exists.")],
    size: Annotated[int, typer.Option(min=1, help="Side of a sample in pixels.")] = 512,
    palette: Annotated[str, typer.Option(help="Name of the palette, e.g. smooth-5-v1.")] = "",
    max_entities: Annotated[
        int, typer.Option(min=0, help="Most entities per sample; 0: 4 for train, 3 otherwise.")
    ] = 0,
    min_entities: Annotated[int, typer.Option(min=1, help="Fewest entities per sample.")] = 1,
    negatives: Annotated[
        float,
        typer.Option(min=0, max=1, help="Probability of an absent class in referring prompts."),
    ] = 0.2,
    all_negative: Annotated[
        float,
        typer.Option(
            min=0, max=1, help="Share of referring prompts that name only absent classes."
        ),
    ] = 0.0,
    coarse: Annotated[
        Literal["sample", "bezier", "box"], typer.Option(help="Kind of coarse mask.")
    ] = "sample",
    random_crop: Annotated[
        bool, typer.Option(help="Random crop instead of a centre crop.")
    ] = False,
    flip: Annotated[
        float, typer.Option(min=0, max=1, help="Probability of a horizontal flip.")
    ] = 0.0,
    variants: Annotated[int, typer.Option(min=1, help="Samples per scene.")] = 1,
    image_format: Annotated[
        Literal["png", "jpg"], typer.Option(help="Image format in the shards.")
    ] = "png",
    shard_count: Annotated[
        int, typer.Option("--shards", min=0, help="Number of shards; 0: from --samples-per-shard.")
    ] = 0,
    samples_per_shard: Annotated[int, typer.Option(min=1, help="Target samples per shard.")] = 256,
    megabytes_per_shard: Annotated[
        int, typer.Option(min=0, help="Approximate maximum shard size in MB; 0: no limit.")
    ] = 0,
    energon: Annotated[
        bool, typer.Option("--energon", help="Also write the .nv-meta index of NVIDIA's Energon.")
    ] = False,
    reshard: Annotated[bool, typer.Option(help="Allow a different number of shards.")] = False,
    workers: Annotated[
        int, typer.Option(min=1, help="Worker processes; the output does not depend on it.")
    ] = 1,
    seed: Annotated[int, typer.Option(help="Random seed.")] = 0,
    index: Annotated[
        Path | None,
        typer.Option(help="Scenes index of this split, instead of reading the data set again."),
    ] = None,
    json: Json = False,
) -> None:
    """Build the shards of one task; shards whose inputs are unchanged are reused."""
    import time
    from tempfile import TemporaryDirectory

    from tqdm import tqdm

    from unigs.colormap.palette import Palette
    from unigs.datasets import open_dataset
    from unigs.errors import ConfigError
    from unigs.index.scene_source import IndexedScenes
    from unigs.index.scenes_index import ScenesIndex, build_index
    from unigs.samples.options import SampleOptions
    from unigs.shards.build import build_shards
    from unigs.shards.energon import energon_part

    start = time.perf_counter()
    try:
        chosen_palette = Palette.from_name(palette) if palette else Palette()
    except ValueError as error:
        raise ConfigError(str(error)) from error
    most = max_entities or (4 if split.startswith("train") else 3)
    with TemporaryDirectory() as folder:
        if index is None:
            source = open_dataset(dataset, root, split)
            index = Path(folder) / "scenes.parquet"
            with tqdm(unit="record", desc=f"{dataset} {split}") as bar:
                build_index(source, index, bar.update)
        scenes, notes = IndexedScenes(index, root), ScenesIndex(index).notes()
        options = SampleOptions(
            palette=chosen_palette,
            class_names=scenes.class_names,
            size=size,
            min_entities=min_entities,
            max_entities=most,
            negative_probability=negatives,
            all_negative=all_negative,
            coarse_kind=coarse,
            random_crop=random_crop,
            flip_probability=flip,
        )
        with tqdm(unit="shard", desc=task) as bar:

            def show(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            manifest = build_shards(
                scenes,
                task,
                options,
                out,
                seed=seed,
                shards=shard_count or None,
                samples_per_shard=samples_per_shard,
                bytes_per_shard=megabytes_per_shard * 1_000_000 or None,
                variants=variants,
                workers=workers,
                image_format=image_format,
                reshard=reshard,
                energon=energon_part(split) if energon else None,
                progress=show,
            )
    print_result(
        {
            "shards": [
                {"path": str(out / shard.path), "sha256": shard.sha256, "samples": shard.samples}
                for shard in manifest.shards
            ],
            "digest": manifest.digest,
            "samples": manifest.samples,
            "skipped": manifest.skipped_by_reason,
            "removed": list(manifest.removed),
            "notes": [{"note": note, "count": count} for note, count in notes.items()],
            "counts": manifest.counts,
            "built": len(manifest.built),
            "cached": len(manifest.cached),
            "seconds": round(time.perf_counter() - start, 3),
        },
        json,
    )


@shards.command(
    epilog=examples(
        "unigs shards verify shards/entity",
        "unigs shards verify s3://bucket/shards/entity --json",
    )
)
def verify(
    place: Annotated[str, typer.Argument(help="Folder or address of pixel or latent shards.")],
    json: Json = False,
) -> None:
    """Verify all checksums; exit with 1 on a mismatch."""
    from unigs.errors import DataError
    from unigs.shards.manifest import REBUILD
    from unigs.shards.place import opened
    from unigs.shards.verify import foreign_shards, verify_shards

    bad = verify_shards(place)
    print_result({"ok": not bad, "bad": [{"shard": shard, "key": key} for shard, key in bad]}, json)
    if bad:
        shard, key = bad[0]
        more = f", and {len(bad) - 1} more" if len(bad) > 1 else ""
        with opened(place) as source:
            foreign = shard.endswith(".tar") and shard in foreign_shards(source)
        raise DataError(
            f"{'none of the shards of this folder' if foreign else 'changed since it was written'}"
            f"{more}",
            file=f"{place.rstrip('/')}/{shard}",
            record=key or None,
            hint="move it elsewhere" if foreign else REBUILD,
        )


@shards.command(
    epilog=examples(
        "unigs shards push shards/entity s3://bucket/shards/entity",
        "unigs shards push shards/entity /mnt/share/shards/entity --json",
    )
)
def push(
    folder: Annotated[Path, typer.Argument(help="Folder of pixel or latent shards.")],
    address: Annotated[str, typer.Argument(help="Destination, e.g. s3://bucket/folder.")],
    json: Json = False,
) -> None:
    """Upload changed shards to a bucket after verifying their checksums."""
    from unigs.shards.mirror import push_shards

    print_result(asdict(push_shards(folder, address)), json)


@shards.command(
    epilog=examples(
        "unigs shards pull s3://bucket/shards/entity shards/entity",
        "unigs shards pull /mnt/share/shards/entity shards/entity --json",
    )
)
def pull(
    address: Annotated[str, typer.Argument(help="Source, e.g. s3://bucket/folder.")],
    folder: Annotated[Path, typer.Argument(help="Local copy for training.")],
    json: Json = False,
) -> None:
    """Download changed shards from a bucket and verify their checksums."""
    from unigs.shards.mirror import pull_shards

    print_result(asdict(pull_shards(address, folder)), json)


@shards.command(
    epilog=examples(
        "unigs shards show shards/entity --out sheet.png",
        "unigs shards show s3://bucket/shards/entity --out sheet.png --count 36",
    )
)
def show(
    place: Annotated[str, typer.Argument(help="Folder or address of pixel shards.")],
    out: Annotated[Path, typer.Option(help="PNG to write.")],
    count: Annotated[int, typer.Option(min=1, help="Samples to draw.")] = 16,
    json: Json = False,
) -> None:
    """Draw image, control image, coarse mask, colormap and prompt of some samples."""
    from unigs.shards.contact_sheet import contact_sheet

    drawn = contact_sheet(place, out, count)
    print_result({"image": str(out), "samples": drawn}, json)
