"""Write shards, in this process or in several."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from unigs.datasets.scene_keys import variant_key
from unigs.errors import DataError, UnreadableError
from unigs.index.scene_source import SceneSource
from unigs.io.pool import over_processes
from unigs.io.spread import Spread
from unigs.samples.options import SampleOptions
from unigs.samples.sample import NoSample, Sample, make_sample, sample_seed
from unigs.samples.serialization import ImageFormat, encode_sample
from unigs.scene import Scene
from unigs.shards.manifest import RECORDS, ShardRecord, Skipped, write_record
from unigs.shards.tar import check_names, write_shard

Progress = Callable[[int, int], None]

# Rows of a scenes index for this many shards are held at a time; each time costs a pass over it.
SHARDS_IN_MEMORY = 64
PRELOAD = [__name__, "webdataset"]


@dataclass(frozen=True, slots=True)
class ShardJob:
    """One shard to write."""

    name: str
    inputs: str
    keys: tuple[str, ...]
    scenes: Iterable[Scene]
    task: str
    options: SampleOptions
    seed: int
    variants: int
    image_format: ImageFormat
    folder: Path


def run_jobs(
    jobs: list[ShardJob],
    source: SceneSource,
    workers: int,
    progress: Progress | None,
    spread: Spread | None = None,
) -> None:
    """Write the shards of some jobs, whose scenes come from the source, in several processes; with
    `spread` on a cluster."""
    report = progress or (lambda done, total: None)
    report(0, len(jobs))
    if spread is None and (workers == 1 or len(jobs) < 2):
        for done, job in enumerate(_with_scenes(jobs, source), start=1):
            build(job)
            report(done, len(jobs))
        return
    done = 0
    whole = _with_scenes(jobs, source)
    if spread is None:
        counts = over_processes(build, whole, min(workers, len(jobs)), PRELOAD)
    else:
        counts = spread(build, whole)
    for finished in counts:
        done += finished
        report(done, len(jobs))


def _with_scenes(jobs: list[ShardJob], source: SceneSource) -> Iterator[ShardJob]:
    for start in range(0, len(jobs), SHARDS_IN_MEMORY):
        group = jobs[start : start + SHARDS_IN_MEMORY]
        for job, scenes in zip(group, source.split([job.keys for job in group]), strict=True):
            yield replace(job, scenes=scenes)


def build(job: ShardJob) -> None:
    """Write one shard and its record; a shard without samples leaves only the record."""
    rows: dict[str, dict[str, Any]] = {}
    counts: dict[str, int] = {}
    skipped: list[Skipped] = []
    unread: list[str] = []

    def drawn() -> Iterator[tuple[str, dict[str, bytes]]]:
        for scene in job.scenes:
            for variant in range(job.variants):
                key = scene.key if job.variants == 1 else variant_key(scene.key, variant)
                seed = sample_seed(scene.digest, job.task, job.seed, variant)
                try:
                    sample = make_sample(scene, job.task, job.options, seed, key)
                    files = encode_sample(sample, job.image_format)
                    check_names(key, files)
                except (NoSample, DataError) as error:
                    skipped.append(Skipped(scene.key, variant, error.reason))
                    if isinstance(error, UnreadableError):
                        unread.append(scene.key)
                    continue
                rows[key] = sample_row(sample, job.name)
                for name, count in sample.counts.items():
                    counts[name] = counts.get(name, 0) + count
                yield key, files

    path = job.folder / job.name
    (job.folder / RECORDS / f"{job.name}.json").unlink(missing_ok=True)
    file = write_shard(path, drawn())
    if not rows:
        path.unlink()
    for key, members in file.members_by_key().items():
        rows[key]["members"] = members
    shard = ShardRecord(job.name, file.sha256, file.bytes, len(rows), job.inputs)
    write_record(
        job.folder,
        {
            "shard": asdict(shard),
            "rows": list(rows.values()),
            "counts": counts,
            "skipped": [asdict(entry) for entry in skipped],
            "unread": unread,
        },
    )


def sample_row(sample: Sample, shard: str) -> dict[str, Any]:
    """Return a sample's row of the table as JSON values, without its members."""
    return {
        "key": sample.key,
        "shard": shard,
        "scene": sample.scene,
        "source_digest": sample.source_digest,
        "prompt": sample.prompt,
        "classes": [entity.class_name for entity in sample.entities],
        "absent": list(sample.absent),
        "coarse_share": np.count_nonzero(sample.coarse_mask) / sample.coarse_mask.size,
        "seed": sample.seed,
    }
