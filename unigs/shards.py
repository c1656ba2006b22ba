"""Shards: the samples of one task as webdataset tars, rebuilt only where their inputs changed."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

import unigs
from unigs.errors import ConfigError, DataError
from unigs.sample_files import ImageFormat, decode_sample, encode_sample
from unigs.samples import NoSample, Sample, SampleOptions, make_sample, sample_seed
from unigs.scene import Scene
from unigs.scene_source import SceneHead, SceneList, SceneSource
from unigs.shard_file import file_sha256, write_shard
from unigs.shard_manifest import (
    MANIFEST,
    PREVIOUS,
    RECORDS,
    Refusal,
    ShardManifest,
    ShardRecord,
    digest_of,
    members_by_key,
    read_manifest,
    read_record,
    read_sample_table,
    shards_digest,
    write_manifest,
    write_record,
    write_sample_table,
)
from unigs.tasks import Task, task_named

# Part of every shard's inputs: raise it when equal inputs give other bytes than before.
FORMAT = 1
LOCK = ".lock"

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class _Job:
    """One shard to write."""

    name: str
    inputs: str
    source: SceneSource
    keys: tuple[str, ...]
    task: str
    options: SampleOptions
    seed: int
    variants: int
    image_format: ImageFormat
    folder: Path


def build_shards(
    scenes: Iterable[Scene] | SceneSource,
    task: Task | str,
    options: SampleOptions,
    out_dir: Path | str,
    *,
    seed: int = 0,
    shards: int | None = None,
    samples_per_shard: int = 256,
    variants: int = 1,
    workers: int = 1,
    image_format: ImageFormat = "png",
    reshard: bool = False,
    progress: Progress | None = None,
) -> ShardManifest:
    """Write the shards of one task; shards whose inputs are unchanged are left alone.

    A scene belongs to the shard that the hash of its key names, so a new scene touches one
    shard. The number of shards is fixed when the folder is first built: ``shards``, or as many
    as make ``samples_per_shard``. A scene that cannot be read or offers no sample is recorded
    in the manifest and the build goes on. Same inputs, same bytes, whatever ``workers`` is.

    Args:
        scenes: all scenes of the partition.
        out_dir: folder of this task's shards, made if missing.
        seed: of every draw, together with the scene's digest, the task and the variant.
        variants: samples per scene.
        reshard: allow another number of shards than the folder has.
        progress: called with (shards done, shards to build).

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
        raise DataError("no scenes", file=folder, mend="check root and split of the data set")
    if variants < 1 or workers < 1 or samples_per_shard < 1 or (shards is not None and shards < 1):
        raise ConfigError("variants, workers, shards and samples_per_shard must be at least 1")
    with _locked(folder):
        before = _manifest_before(folder)
        wanted = shards or -(-len(heads) * variants // samples_per_shard)
        count = _shard_count(folder, before, wanted, explicit=shards is not None, reshard=reshard)
        configuration = {
            "task": task.name,
            "seed": seed,
            "variants": variants,
            "image_format": image_format,
            "shards": count,
            "options": options.to_dict(),
        }
        jobs = []
        for number, held in enumerate(assign(heads, count)):
            if held:
                inputs = digest_of([FORMAT, unigs.__version__, configuration, held])
                name = f"{task.name}-{number:05d}-of-{count:05d}.tar"
                keys = tuple(head.key for head in held)
                job = _Job(
                    name, inputs, source, keys, task.name, options, seed, variants,
                    image_format, folder,
                )  # fmt: skip
                jobs.append(job)
        kept = tuple(job.name for job in jobs if _is_current(job))
        todo = [job for job in jobs if job.name not in set(kept)]
        if todo and (folder / MANIFEST).exists():
            # Until the build ends there is no manifest to vouch for shards it no longer fits.
            os.replace(folder / MANIFEST, folder / PREVIOUS)
        _run(todo, workers, progress)
        return _conclude(folder, jobs, kept, heads, configuration, before)


def assign(heads: Iterable[SceneHead], count: int) -> list[list[SceneHead]]:
    """Scenes of each of ``count`` shards: by hash of the key, in the order given."""
    held: list[list[SceneHead]] = [[] for _ in range(count)]
    for head in heads:
        number = int.from_bytes(hashlib.sha256(head.key.encode()).digest()[:8], "big") % count
        held[number].append(head)
    return held


def read_samples(folder: Path | str) -> Iterator[Sample]:
    """The samples of a folder of shards, in the order of the shards."""
    for row, path in _rows(Path(folder)):
        with path.open("rb") as file:
            files = {}
            for member in row["members"]:
                file.seek(member["offset"])
                files[member["extension"]] = file.read(member["size"])
        yield decode_sample(files)


def _rows(folder: Path) -> Iterator[tuple[dict[str, Any], Path]]:
    read_manifest(folder)
    for batch in read_sample_table(folder).to_batches(max_chunksize=1024):
        for row in batch.to_pylist():
            yield row, folder / row["shard"]


def _manifest_before(folder: Path) -> ShardManifest | None:
    """The manifest of the last build that ended, also when a later one was killed."""
    for name in (MANIFEST, PREVIOUS):
        if (folder / name).exists():
            return read_manifest(folder, name)
    return None


def _shard_count(
    folder: Path, before: ShardManifest | None, wanted: int, explicit: bool, reshard: bool
) -> int:
    if before is None or reshard:
        return wanted
    count = int(before.configuration["shards"])
    if explicit and wanted != count:
        raise ConfigError(
            f"has {count} shards, not {wanted}", file=folder,
            mend="the number is fixed when the folder is made; pass reshard to change it",
        )  # fmt: skip
    return count


def _is_current(job: _Job) -> bool:
    record = read_record(job.folder, job.name)
    path = job.folder / job.name
    if record is None or record.get("shard", {}).get("inputs") != job.inputs:
        return False
    if not record["rows"]:
        return not path.exists()
    return path.exists() and file_sha256(path) == record["shard"]["sha256"]


def _run(jobs: list[_Job], workers: int, progress: Progress | None) -> None:
    report = progress or (lambda done, total: None)
    report(0, len(jobs))
    if workers == 1 or len(jobs) < 2:
        for done, job in enumerate(jobs, start=1):
            _build(job)
            report(done, len(jobs))
        return
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    count = min(workers, len(jobs))
    with ProcessPoolExecutor(count, context, initializer=_end_with_parent) as pool:
        futures = [
            pool.submit(_build, _with_source(job, job.source.subset(job.keys))) for job in jobs
        ]
        try:
            for done, future in enumerate(as_completed(futures), start=1):
                future.result()
                report(done, len(jobs))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _with_source(job: _Job, source: SceneSource) -> _Job:
    return _Job(**{**{name: getattr(job, name) for name in _Job.__slots__}, "source": source})


def _end_with_parent() -> None:
    """A killed parent cannot stop its workers; let them see its end themselves."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch(sentinel: int) -> None:
        wait([sentinel])
        os._exit(1)

    threading.Thread(target=watch, args=(parent.sentinel,), daemon=True).start()


def _build(job: _Job) -> None:
    """Write one shard and its record; a shard without samples leaves only the record."""
    rows: dict[str, dict[str, Any]] = {}
    counts: dict[str, int] = {}
    refused: list[Refusal] = []

    def drawn() -> Iterator[tuple[str, dict[str, bytes]]]:
        for scene in job.source.load(job.keys):
            for variant in range(job.variants):
                key = scene.key if job.variants == 1 else f"{scene.key}-v{variant}"
                seed = sample_seed(scene.digest, job.task, job.seed, variant)
                try:
                    sample = make_sample(scene, job.task, job.options, seed, key)
                except (NoSample, DataError) as error:
                    refused.append(Refusal(scene.key, variant, error.reason))
                    continue
                rows[key] = _row(sample, job.name)
                for name, count in sample.counts.items():
                    counts[name] = counts.get(name, 0) + count
                yield key, encode_sample(sample, job.image_format)

    path = job.folder / job.name
    (job.folder / RECORDS / f"{job.name}.json").unlink(missing_ok=True)
    file = write_shard(path, drawn())
    if not rows:
        path.unlink()
    for key, members in members_by_key(file).items():
        rows[key]["members"] = members
    shard = ShardRecord(job.name, file.sha256, file.bytes, len(rows), job.inputs)
    write_record(
        job.folder,
        {
            "shard": asdict(shard),
            "rows": list(rows.values()),
            "counts": counts,
            "refused": [asdict(refusal) for refusal in refused],
        },
    )


def _row(sample: Sample, shard: str) -> dict[str, Any]:
    return {
        "key": sample.key,
        "shard": shard,
        "scene": sample.scene,
        "source_digest": sample.source_digest,
        "prompt": sample.prompt,
        "classes": [entity.class_name for entity in sample.entities],
        "absent": list(sample.absent),
        "coarse_share": float(sample.coarse_mask.mean()),
        "seed": sample.seed,
    }


def _conclude(
    folder: Path,
    jobs: list[_Job],
    kept: tuple[str, ...],
    heads: list[SceneHead],
    configuration: dict[str, Any],
    before: ShardManifest | None,
) -> ShardManifest:
    """Write the tables over all records, and take away what no job names any more."""
    records: list[dict[str, Any]] = []
    shards: list[ShardRecord] = []
    counts: dict[str, int] = {}
    refused: list[Refusal] = []
    for job in jobs:
        record = read_record(folder, job.name)
        if record is None:
            raise DataError("its record vanished", file=folder / job.name, mend="build again")
        records.append(record)
        refused += [Refusal(**refusal) for refusal in record["refused"]]
        if record["rows"]:
            shards.append(ShardRecord(**record["shard"]))
        for name, number in record["counts"].items():
            counts[name] = counts.get(name, 0) + number
    if not shards:
        reasons = sorted({refusal.reason for refusal in refused})
        raise DataError(f"none of {len(heads)} scenes gives a sample: {'; '.join(reasons)}")
    removed = _removed(folder, before, heads)
    _sweep(folder, {job.name for job in jobs})
    write_sample_table(folder, records)
    manifest = ShardManifest(
        shards=tuple(shards),
        digest=shards_digest(shards),
        sources=digest_of([list(head) for head in heads]),
        samples=sum(shard.samples for shard in shards),
        scenes=len(heads),
        counts=dict(sorted(counts.items())),
        refused=tuple(refused),
        removed=removed,
        configuration=configuration,
        code_version=unigs.__version__,
        built=tuple(job.name for job in jobs if job.name not in set(kept)),
        kept=kept,
    )
    write_manifest(folder, manifest)
    (folder / PREVIOUS).unlink(missing_ok=True)
    return manifest


def _removed(folder: Path, before: ShardManifest | None, heads: list[SceneHead]) -> tuple[str, ...]:
    if before is None:
        return ()
    held = set(read_sample_table(folder, ["scene"])["scene"].to_pylist())
    held |= {refusal.scene for refusal in before.refused} | set(before.removed)
    return tuple(sorted(held - {head.key for head in heads}))


def _sweep(folder: Path, names: set[str]) -> None:
    for path in folder.glob("*.tar"):
        if path.name not in names:
            path.unlink()
    for path in (folder / RECORDS).glob("*.json"):
        if path.stem not in names:
            path.unlink()
    for path in folder.glob(".*"):
        if path.name != LOCK:
            path.unlink()


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the folder for one build; the lock ends with the process, however it ends."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / LOCK).open("w")
    except OSError as error:
        raise DataError(
            f"cannot be written: {error.strerror or error}", file=folder, mend="give another folder"
        ) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise DataError(
                "another build is at work here", file=folder, mend="wait for it to end"
            ) from error
        yield
