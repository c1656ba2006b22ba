"""Shards: the samples of one task as webdataset tars, rebuilt only where their inputs changed."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, get_args

import numpy as np

import unigs
from unigs.errors import ConfigError, DataError, choices
from unigs.index.scene_source import SceneHead, SceneList, SceneSource
from unigs.io.spread import Spread
from unigs.samples.options import SampleOptions
from unigs.samples.sample import NoSample, make_sample, sample_seed
from unigs.samples.serialization import ImageFormat, encode_sample
from unigs.scene import Scene
from unigs.shards.energon import Split, write_energon_index
from unigs.shards.folder import Description, build_folder, locked, manifest_before
from unigs.shards.manifest import SAMPLE_COLUMNS, ShardManifest, digest_of, read_sample_table
from unigs.shards.tar import BLOCK, padding
from unigs.shards.worker import Progress, ShardJob, run_jobs
from unigs.tasks import Task, task_named

__all__ = ["build_shards"]

# Part of every shard's inputs: raise it when equal inputs give other bytes than before.
FORMAT = 2

# Samples that are drawn to estimate how many bytes a shard will have.
PROBES = 16


def build_shards(
    scenes: Iterable[Scene] | SceneSource,
    task: Task | str,
    options: SampleOptions,
    out_dir: Path | str,
    *,
    seed: int = 0,
    shards: int | None = None,
    samples_per_shard: int = 256,
    bytes_per_shard: int | None = None,
    variants: int = 1,
    workers: int = 1,
    image_format: ImageFormat = "png",
    reshard: bool = False,
    energon: Split | None = None,
    progress: Progress | None = None,
    spread: Spread | None = None,
) -> ShardManifest:
    """Write the shards of one task; shards whose inputs are unchanged are reused.

    A scene belongs to the shard that the hash of its key names, so a new scene touches one
    shard. The number of shards is fixed when the folder is first built: ``shards``, or as many
    as make ``samples_per_shard``, or ``bytes_per_shard`` where that asks for more. A scene that
    cannot be read or offers no sample is recorded in the manifest and the build goes on. Same
    inputs, same bytes, whatever ``workers`` and ``spread`` are.

    Args:
        scenes: all scenes of the partition.
        out_dir: folder of this task's shards, made if missing.
        seed: of every draw, together with the scene's digest, the task and the variant.
        bytes_per_shard: estimated from the first few samples, drawn as they will be; only where the
            number of shards is not fixed yet.
        variants: samples per scene.
        energon: also write the index by which Energon reads the shards, as this part of its split
            (`unigs.shards.energon`); a build without it takes an index away that would not fit.
        reshard: allow another number of shards than the folder has.
        progress: called with (shards done, shards to build).
        spread: writes each shard as a job of a cluster, in place of ``workers``.

    Raises:
        DataError: no scene gives a sample, keys clash, another build is at work in the folder,
            or it cannot be written. Finished shards stay and are used by the next build.
        ConfigError: options that contradict each other or the folder.
    """
    task = task_named(task)
    folder = Path(out_dir)
    source = scenes if isinstance(scenes, SceneSource) else SceneList(scenes)
    heads = sorted(source.heads())
    if not heads:
        raise DataError("no scenes", file=folder, hint="check root and split of the data set")
    numbers = (variants, workers, samples_per_shard, shards, bytes_per_shard)
    if any(number is not None and number < 1 for number in numbers):
        raise ConfigError("variants, workers, shards and the sizes of a shard must be at least 1")
    if image_format not in get_args(ImageFormat):
        raise ConfigError(
            f"image_format {image_format!r}", hint=choices(image_format, get_args(ImageFormat))
        )
    with locked(folder):
        before = manifest_before(folder)
        wanted = shards or -(-len(heads) * variants // samples_per_shard)
        if bytes_per_shard and not shards and (before is None or reshard):
            sizes = sample_sizes(source, heads, task, options, seed, image_format)
            total = int(np.mean(sizes) * len(heads) * variants) if sizes else 0
            wanted = max(wanted, -(-total // bytes_per_shard))
        count = _shard_count(folder, before, wanted, explicit=shards is not None, reshard=reshard)
        configuration = {
            "task": task.name,
            "seed": seed,
            "variants": variants,
            "image_format": image_format,
            "shards": count,
            "options": options.to_dict(),
        }
        jobs: dict[str, ShardJob] = {}
        for number, held in enumerate(assign(heads, count)):
            if held:
                inputs = digest_of([FORMAT, unigs.__version__, configuration, held])
                name = f"{task.name}-{number:05d}-of-{count:05d}.tar"
                keys = tuple(head.key for head in held)
                jobs[name] = ShardJob(
                    name, inputs, keys, (), task.name, options, seed, variants, image_format, folder
                )

        def write(names: list[str]) -> None:
            run_jobs([jobs[name] for name in names], source, workers, progress, spread)

        def describe(records: list[dict[str, Any]]) -> Description:
            if not any(record["rows"] for record in records):
                reasons = sorted({e["reason"] for record in records for e in record["skipped"]})
                raise DataError(f"none of {len(heads)} scenes gives a sample: {'; '.join(reasons)}")
            files: tuple[str, ...] = ()
            if energon is not None:
                digest = digest_of([record["shard"]["sha256"] for record in records])
                files = write_energon_index(folder, records, task.name, energon, digest)
            return Description(
                configuration,
                sources=digest_of([list(head) for head in heads]),
                scenes=len(heads),
                removed=_removed(folder, before, heads),
                files=files,
            )

        return build_folder(
            folder,
            before,
            {name: job.inputs for name, job in jobs.items()},
            write,
            SAMPLE_COLUMNS,
            describe,
        )


def assign(heads: Iterable[SceneHead], count: int) -> list[list[SceneHead]]:
    """Scenes of each of ``count`` shards: by hash of the key, in the order given."""
    held: list[list[SceneHead]] = [[] for _ in range(count)]
    for head in heads:
        number = int.from_bytes(hashlib.sha256(head.key.encode()).digest()[:8], "big") % count
        held[number].append(head)
    return held


def sample_sizes(
    source: SceneSource,
    heads: list[SceneHead],
    task: Task,
    options: SampleOptions,
    seed: int,
    image_format: ImageFormat,
) -> list[int]:
    """Return the bytes in a tar of the samples of up to `PROBES` scenes, spread over all by their
    hash."""
    spread = sorted(heads, key=lambda head: hashlib.sha256(head.key.encode()).digest())
    (scenes,) = source.split([[head.key for head in spread[:PROBES]]])
    sizes = []
    for scene in scenes:
        draw = sample_seed(scene.digest, task, seed, 0)
        with contextlib.suppress(NoSample, DataError):
            files = encode_sample(make_sample(scene, task, options, draw), image_format)
            sizes.append(
                sum(BLOCK + len(data) + len(padding(len(data))) for data in files.values())
            )
    return sizes


def _shard_count(
    folder: Path, before: ShardManifest | None, wanted: int, explicit: bool, reshard: bool
) -> int:
    if before is None or reshard:
        return wanted
    count = int(before.configuration["shards"])
    if explicit and wanted != count:
        raise ConfigError(
            f"has {count} shards, not {wanted}", file=folder,
            hint="the number is fixed when the folder is made; pass reshard to change it",
        )  # fmt: skip
    return count


def _removed(folder: Path, before: ShardManifest | None, heads: list[SceneHead]) -> tuple[str, ...]:
    if before is None:
        return ()
    held: set[str] = set()
    # a broken table is written anew, and what it alone knew is lost
    with contextlib.suppress(DataError):
        held.update(read_sample_table(folder, ["scene"])["scene"].to_pylist())
    held |= {entry.scene for entry in before.skipped} | set(before.removed)
    return tuple(sorted(held - {head.key for head in heads}))
