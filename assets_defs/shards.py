"""The samples of each split and task as shards, and the same encoded as latents."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import dagster as dg

from assets_defs.arrival.roots import data_root
from assets_defs.cache.build import Built, Outcome, build_or_reuse
from assets_defs.cache.records import built_digest, fingerprint
from assets_defs.cache.staleness import code_of
from assets_defs.components import autoencoder, text_encoder
from assets_defs.data import index_file, quarantine_report, scenes_indexes
from assets_defs.launched.shards import build_partition, encode_partition
from assets_defs.metadata.materialize import described, inline, say
from assets_defs.metadata.provenance import dataset_and_preset
from assets_defs.run.folders import Folders
from assets_defs.run.keys import asset_name
from assets_defs.run.partitions import SHARD_PARTITIONS, known_key, partition_key, parts
from assets_defs.run.step import step_of_run
from resources.launcher import Launcher
from resources.run_settings import GraphSettings
from resources.store import Store
from unigs.config.data import MIX
from unigs.errors import ConfigError
from unigs.shards.manifest import MANIFEST

SHARD_CODE = code_of("shards")
LATENT_CODE = code_of("latents")
# The materializations of a mix's other partitions are logged besides the result, and
# AssetMaterialization takes a data version as this tag alone.
DATA_VERSION_TAG = "dagster/data_version"
CODE_FILE = "code_version"
SHEET = "contact.png"


@dg.asset(
    # the text encoder first: names too long for it are reported before shards are built
    deps=[*scenes_indexes, quarantine_report, text_encoder],
    partitions_def=SHARD_PARTITIONS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    group_name="data",
    kinds={"webdataset"},
    owners=["team:data"],
    code_version=SHARD_CODE,
)
@step_of_run
def shards(
    context: dg.AssetExecutionContext, store: Store, settings: GraphSettings, launcher: Launcher
) -> dg.MaterializeResult:
    """Samples of one task from one split: webdataset tars with a sealed manifest."""
    folders = Folders.of(store, settings)

    def one(dataset: str, split: str, task: str) -> Outcome:
        return drawn(context, launcher, settings, folders, (dataset, split, task))

    return _over_partitions(context, settings, one, SHEET)


@dg.asset(
    deps=[shards, autoencoder, text_encoder],
    partitions_def=SHARD_PARTITIONS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    group_name="data",
    kinds={"webdataset"},
    owners=["team:data"],
    code_version=LATENT_CODE,
)
@step_of_run
def latents(
    context: dg.AssetExecutionContext, store: Store, settings: GraphSettings, launcher: Launcher
) -> dg.MaterializeResult:
    """The shards encoded once: image, colormap and control latents, and the text embeddings."""
    folders = Folders.of(store, settings)

    def one(dataset: str, split: str, task: str) -> Outcome:
        return encoded(context, launcher, settings, folders, (dataset, split, task))

    return _over_partitions(context, settings, one, None)


def drawn(
    context: dg.AssetExecutionContext,
    launcher: Launcher,
    settings: GraphSettings,
    folders: Folders,
    part: tuple[str, str, str],
) -> Outcome:
    """Build the shards of one (data set, split, task), or reuse them."""
    from unigs.index.scene_source import IndexedScenes
    from unigs.samples.split_options import sample_options

    dataset, split, task = part
    data = settings.values.data
    root = data_root(folders, settings, dataset)
    scenes = IndexedScenes(index_file(folders, dataset, split), root)
    exhaustive = settings.source(dataset).exhaustive
    options = sample_options(settings.values, scenes.class_names, split, exhaustive)
    variants = data.variants if split == "train" else 1
    inputs = {
        "code": SHARD_CODE,
        "scenes": built_digest(folders.scenes(dataset, split)),
        "task": task,
        "options": options.to_dict(),
        "seed": data.seed,
        "variants": variants,
        "samples_per_shard": data.samples_per_shard,
        "image_format": data.image_format,
    }

    def build(folder: Path, resume: bool) -> Built:
        from unigs.shards.manifest import read_manifest

        forget_other_code(folder, SHARD_CODE)
        order = {
            "preset": settings.values.model_dump(mode="json"),
            "index": str(index_file(folders, dataset, split)),
            "root": str(root),
            "split": split,
            "exhaustive": exhaustive,
            "task": task,
            "variants": variants,
            "folder": str(folder),
            "sheet": SHEET,
            "workers": settings.workers,
        }
        counts = launcher.call(context, build_partition, order, folder)
        manifest = read_manifest(folder)
        return Built(
            manifest.digest,
            {
                "samples": manifest.samples,
                "scenes": manifest.scenes,
                "shards": len(manifest.shards),
                "shards_built": counts["built"],
                "shards_cached": counts["cached"],
                "bytes": sum(shard.bytes for shard in manifest.shards),
                "filters": manifest.counts,
                "skipped": manifest.skipped_by_reason,
                "removed": list(manifest.removed),
            },
            again=counts["unread"] > 0,
        )

    reads = [folders.raw(dataset), folders.scenes(dataset, split)]
    place = folders.shards(dataset, split, task)
    outcome = build_or_reuse(place, inputs, build, reads=reads, carry=True, sealed=True)
    from unigs.lineage.tables import Tables

    Tables(folders.store).write_shards(place, outcome.digest)
    return outcome


def encoded(
    context: dg.AssetExecutionContext,
    launcher: Launcher,
    settings: GraphSettings,
    folders: Folders,
    part: tuple[str, str, str],
) -> Outcome:
    """Encode the shards of one (data set, split, task) as latents, or reuse them."""
    source = folders.shards(*part)
    inputs = {
        "code": LATENT_CODE,
        "shards": built_digest(source),
        "autoencoder": built_digest(folders.autoencoder),
        "text_encoder": built_digest(folders.text_encoder),
        "written": settings.values.data.latents,
        "refine_steps": settings.values.codec.refine_steps,
        "posterior": settings.values.autoencoder.sample_posterior,
    }

    def build(folder: Path, resume: bool) -> Built:
        if not settings.values.data.latents:
            (folder / MANIFEST).unlink(missing_ok=True)
            for shard in folder.glob("[!.]*.tar"):
                shard.unlink()
            return Built(fingerprint(**inputs), {"encoded": "while training"})
        from unigs.shards.manifest import read_manifest

        forget_other_code(folder, LATENT_CODE)
        order = {
            "preset": settings.values.model_dump(mode="json"),
            "autoencoder": str(folders.autoencoder),
            "text_encoder": str(folders.text_encoder),
            "shards": str(source),
            "folder": str(folder),
        }
        launcher.call(context, encode_partition, order, folder)
        manifest = read_manifest(folder)
        return Built(
            manifest.digest,
            {
                "samples": manifest.samples,
                "shards": len(manifest.shards),
                "latent_shape": manifest.configuration["latent"],
                "text_shape": manifest.configuration["text"],
            },
        )

    reads = [source, folders.autoencoder, folders.text_encoder]
    place = folders.latents(*part)
    return build_or_reuse(place, inputs, build, reads=reads, carry=True, sealed=True)


def forget_other_code(folder: Path, code: str) -> None:
    """Drop the library's records of finished shards that other code wrote.

    The library compares data and settings only, and would reuse them.
    """
    note = folder / CODE_FILE
    if not note.is_file() or note.read_text(encoding="utf-8") != code:
        for record in (folder / "records").glob("*.json"):
            record.unlink()
        note.write_text(code, encoding="utf-8")


def _over_partitions(
    context: dg.AssetExecutionContext,
    settings: GraphSettings,
    one: Callable[[str, str, str], Outcome],
    sheet: str | None,
) -> dg.MaterializeResult:
    """Build each partition of the run (of a mix: all its folders) and report its metadata."""
    name = asset_name(context.asset_key)
    outcomes: dict[str, Outcome] = {}
    known = {known_key(settings, part): part for part in parts(settings)}
    asked = list(context.partition_keys)
    if strange := [key for key in asked if key not in known]:
        raise ConfigError(
            f"partition {strange[0]} is not of {settings.dataset}, which the run is of",
            hint="set settings.dataset in the launchpad",
        )
    wanted = [known[key] for key in asked]
    if settings.dataset == MIX:
        wanted += [part for part in parts(settings) if part not in wanted]
    about = dataset_and_preset(context)
    unnamed: dict[str, Any] = {}
    for part in wanted:
        outcome = one(*part)
        outcomes[partition_key(*part)] = outcome
        say(context, f"{name} {partition_key(*part)}", outcome)
        key = known_key(settings, part)
        pictures: Mapping[str, Path] = {"samples": outcome.folder / sheet} if sheet else {}
        metadata: dict[str, Any] = {**about, **described(outcome), **inline(pictures)}
        del metadata["cached"]
        if key in asked:
            context.add_asset_metadata(metadata, partition_key=key)
        elif key is None:
            unnamed[f"{partition_key(*part)}.digest"] = outcome.digest
            unnamed[f"{partition_key(*part)}.samples"] = outcome.metadata.get("samples", 0)
        else:
            tags = {DATA_VERSION_TAG: outcome.digest}
            context.log_event(
                dg.AssetMaterialization(
                    context.asset_key, partition=key, metadata=metadata, tags=tags
                )
            )
    digests = {key: outcome.digest for key, outcome in outcomes.items()}
    version = next(iter(digests.values())) if len(digests) == 1 else fingerprint(**digests)
    return dg.MaterializeResult(
        data_version=dg.DataVersion(version),
        metadata={
            **about,
            "cached": all(outcome.cached for outcome in outcomes.values()),
            **unnamed,
        },
    )
