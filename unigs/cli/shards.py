"""`unigs shards`: build, verify and look at the samples of a task."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from unigs.cli.output import print_result

shards = typer.Typer(help="Build, verify and show the samples of a task.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]


@shards.command()
def build(
    dataset: Annotated[str, typer.Option(help="Name of the data set.")],
    root: Annotated[Path, typer.Option(help="Its folder, in its own layout.")],
    split: Annotated[str, typer.Option(help="The split to read.")],
    task: Annotated[str, typer.Option(help="inpainting, synthesis, referring or entity.")],
    out: Annotated[Path, typer.Option(help="Folder of the shards; updated if there.")],
    size: Annotated[int, typer.Option(min=1, help="Side of a sample in pixels.")] = 512,
    palette: Annotated[str, typer.Option(help="Name of the palette, e.g. smooth-5-v1.")] = "",
    max_entities: Annotated[
        int, typer.Option(min=0, help="Entities sampled at most; 0: 4 for train, 3 else.")
    ] = 0,
    min_entities: Annotated[int, typer.Option(min=1, help="Entities sampled at least.")] = 1,
    negatives: Annotated[
        float, typer.Option(min=0, max=1, help="Share of absent classes in referring prompts.")
    ] = 0.2,
    all_negative: Annotated[
        float, typer.Option(min=0, max=1, help="Share of referring prompts of absent classes only.")
    ] = 0.0,
    coarse: Annotated[
        Literal["sample", "bezier", "box"], typer.Option(help="Kind of coarse masks.")
    ] = "sample",
    random_crop: Annotated[bool, typer.Option(help="Crop at random, not the centre.")] = False,
    flip: Annotated[float, typer.Option(min=0, max=1, help="Share of mirrored samples.")] = 0.0,
    variants: Annotated[int, typer.Option(min=1, help="Samples per scene.")] = 1,
    image_format: Annotated[
        Literal["png", "jpg"], typer.Option(help="Of the images in the shards.")
    ] = "png",
    shard_count: Annotated[
        int, typer.Option("--shards", min=0, help="Number of shards; 0: by --samples-per-shard.")
    ] = 0,
    samples_per_shard: Annotated[int, typer.Option(min=1, help="Aim for a new folder.")] = 256,
    megabytes_per_shard: Annotated[
        int, typer.Option(min=0, help="Not more, about, for a new folder; 0: no limit.")
    ] = 0,
    energon: Annotated[
        bool, typer.Option("--energon", help="Write the .nv-meta index of NVIDIA's Energon too.")
    ] = False,
    reshard: Annotated[bool, typer.Option(help="Allow another number of shards.")] = False,
    workers: Annotated[int, typer.Option(min=1, help="Processes; the bytes are the same.")] = 1,
    seed: Annotated[int, typer.Option(help="Of every draw.")] = 0,
    index: Annotated[
        Path | None, typer.Option(help="A scenes index of this split, instead of reading it anew.")
    ] = None,
    json: Json = False,
) -> None:
    """Write the shards of one task; shards whose inputs are unchanged are left alone."""
    import time
    from tempfile import TemporaryDirectory

    from tqdm import tqdm

    from unigs.colormap.palette import Palette
    from unigs.datasets import open_dataset
    from unigs.errors import ConfigError
    from unigs.index.scene_source import IndexedScenes
    from unigs.index.scenes_index import build_index
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
        scenes = IndexedScenes(index, root)
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
            "refused": manifest.refusals_by_reason,
            "removed": list(manifest.removed),
            "counts": manifest.counts,
            "built": len(manifest.built),
            "kept": len(manifest.kept),
            "seconds": round(time.perf_counter() - start, 3),
        },
        json,
    )


@shards.command()
def verify(
    place: Annotated[str, typer.Argument(help="Folder or address of pixel or latent shards.")],
    json: Json = False,
) -> None:
    """Compare every byte with what was written; fails when one differs."""
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


@shards.command()
def push(
    folder: Annotated[Path, typer.Argument(help="Folder of pixel or latent shards.")],
    address: Annotated[str, typer.Argument(help="Where to, e.g. s3://bucket/folder.")],
    json: Json = False,
) -> None:
    """Copy what changed to a bucket, after every byte was compared with the manifest."""
    from unigs.shards.mirror import push_shards

    print_result(asdict(push_shards(folder, address)), json)


@shards.command()
def pull(
    address: Annotated[str, typer.Argument(help="Where from, e.g. s3://bucket/folder.")],
    folder: Annotated[Path, typer.Argument(help="The local copy that training reads.")],
    json: Json = False,
) -> None:
    """Copy what changed from a bucket; every byte is compared with the manifest."""
    from unigs.shards.mirror import pull_shards

    print_result(asdict(pull_shards(address, folder)), json)


@shards.command()
def show(
    place: Annotated[str, typer.Argument(help="Folder or address of pixel shards.")],
    out: Annotated[Path, typer.Option(help="The PNG to write.")],
    count: Annotated[int, typer.Option(min=1, help="Samples to draw.")] = 16,
    json: Json = False,
) -> None:
    """Draw image, control image, coarse mask, colormap and prompt of some samples."""
    from unigs.shards.contact_sheet import contact_sheet

    drawn = contact_sheet(place, out, count)
    print_result({"image": str(out), "samples": drawn}, json)
