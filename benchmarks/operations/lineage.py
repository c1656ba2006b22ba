"""How long `unigs lineage IMAGE` takes in a store of a million images.

    python -m benchmarks.operations.lineage [--images 1000000] [--trainings 10] [--calls 7]

The store is simulated: a scenes index of that many images, their shards for four tasks (256 samples
each), and as many trainings, each on an index and shards of its own. Tables and histories are the
real ones, made by the code that makes them in a run; those of later trainings are links to those of
the first. Then `unigs lineage` is run as a person runs it, in a process of its own, which starts
anew each time: median and longest of the calls for each name of an image, in seconds of wall and of
CPU, of which a busy machine changes the first alone. The files are in the page cache. It takes two
minutes and 1 GB of disk below the folder for temporary files.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from unigs.index.status import OK
from unigs.io.files import sha256_of
from unigs.lineage.history import RECORD, note_build
from unigs.lineage.tables import Tables
from unigs.shards.manifest import SAMPLES, ShardManifest, ShardRecord, write_manifest
from unigs.tasks import TASKS

RUN = "photos-sd15"
SAMPLES_PER_SHARD = 256


def digest(*parts: object) -> str:
    """Return a SHA-256 (hex)."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def write_index(file: Path, images: int) -> list[str]:
    """Write the columns of a scenes index that lineage reads; return the keys."""
    keys = [f"{number:012d}" for number in random.Random(0).sample(range(10**9), images)]
    file.parent.mkdir(parents=True)
    columns = {
        "key": keys,
        "status": [OK] * images,
        "image": [f"train2017/{key}.jpg" for key in keys],
        "image_digest": [digest("image", key) for key in keys],
        "annotation_digest": [digest("annotation", key) for key in keys],
    }
    pq.write_table(pa.table(columns), file, row_group_size=256, compression="zstd")
    return keys


def write_shards(folder: Path, keys: list[str], task: str) -> str:
    """Write manifest and sample table of shards that hold one sample of each scene; return their
    digest."""
    folder.mkdir(parents=True)
    count = -(-len(keys) // SAMPLES_PER_SHARD)
    names = [f"{task}-{number:05d}-of-{count:05d}.tar" for number in range(count)]
    table = pa.table({"scene": keys, "shard": [names[int(key) % count] for key in keys]})
    pq.write_table(table.sort_by("shard"), folder / SAMPLES, row_group_size=256)
    shards = tuple(
        ShardRecord(name, digest(task, name), 1, SAMPLES_PER_SHARD, "inputs") for name in names
    )
    manifest = ShardManifest(
        shards, digest(task, len(keys)), "sources", len(keys), len(keys), {}, (), (),
        {"task": task}, "benchmark", {SAMPLES: sha256_of(folder / SAMPLES)},
    )  # fmt: skip
    write_manifest(folder, manifest)
    return manifest.digest


class Histories:
    """Notes builds as the graph does."""

    def __init__(self, store: Path) -> None:
        self.store = store

    def note(
        self, folder_name: str, content: str, inputs: Mapping[str, Any], **metadata: Any
    ) -> str:
        folder = self.store / RUN / folder_name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / RECORD).touch()
        record = {"digest": content, "fingerprint": digest(inputs), "metadata": metadata}
        note_build(folder, inputs, record)
        return content


def fill(store: Path, images: int, trainings: int) -> tuple[list[str], float]:
    """Make the store; return the keys and the CPU seconds that its tables took."""
    index = store / RUN / "scenes" / "train" / "index.parquet"
    keys = write_index(index, images)
    folders = {task: store / RUN / "shards" / "train" / task for task in TASKS}
    shards = {task: write_shards(folder, keys, task) for task, folder in folders.items()}
    tables = Tables(store)
    begin = time.process_time()
    # the last training's are those in the store: what is there has its tables
    scenes = digest("scenes", trainings - 1)
    tables.write_scenes(index, scenes)
    for folder in folders.values():
        tables.write_shards(folder)
    seconds = time.process_time() - begin
    histories = Histories(store)
    for number in range(trainings):
        last = number == trainings - 1
        own = digest("scenes", number)
        for kind in ("scenes", "terms") if not last else ():
            link(tables.folder / kind, scenes, own)
        raw = histories.note("raw", digest("raw", number), {"number": number})
        histories.note("scenes/train", own, {"raw": raw, "dataset": "photos"}, images=images)
        latents = {}
        for task in TASKS:
            held = shards[task] if last else digest(task, number, "shards")
            if not last:
                link(tables.folder / "shards", shards[task], held)
            histories.note(f"shards/train/{task}", held, {"scenes": own, "task": task})
            encoded = digest(task, number, "latents")
            latents[task] = histories.note(f"latents/train/{task}", encoded, {"shards": held})
        weights = histories.note("weights/joint", digest("weights", number), {"latents": latents})
        model = histories.note(
            "models/joint", digest("model", number), {"unet": weights},
            name=f"unigs-{RUN}-joint", version=str(number + 1), mlflow_run_id=f"run{number}",
        )  # fmt: skip
        for task in TASKS:
            inputs = {"model": model, "shards": "held out"}
            histories.note(f"evaluation/joint/{task}", digest("metrics", number, task), inputs)
    return keys, seconds


def link(folder: Path, old: str, new: str) -> None:
    """Let a table be that of another digest too."""
    os.link(folder / f"{old}.parquet", folder / f"{new}.parquet")


def ask(store: Path, text: str) -> tuple[float, float, int]:
    """Run `unigs lineage`; return its seconds, its seconds of CPU and how many models saw the
    image."""
    command = [sys.executable, "-m", "unigs", "lineage", text, "--store", str(store), "--json"]
    begin, used = time.perf_counter(), cpu_seconds()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds = time.perf_counter() - begin
    return seconds, cpu_seconds() - used, len(json.loads(done.stdout)["models"])


def cpu_seconds() -> float:
    """Return the CPU seconds of all processes that ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--trainings", type=int, default=10)
    parser.add_argument("--calls", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder)
        keys, seconds = fill(store, options.images, options.trainings)
        kinds = {"scenes": 1, "terms": 1, "shards": len(TASKS)}
        size = sum(
            next((store / "lineage" / kind).iterdir()).stat().st_size * count
            for kind, count in kinds.items()
        )
        print(
            f"{options.images:,} images: tables of an index and the shards of {len(TASKS)} tasks "
            f"{size / 1e6:,.0f} MB, made in {seconds:.1f} s of CPU"
        )
        asked = random.Random(1).choices(keys, k=options.calls)
        names = {
            "key": lambda key: key,
            "file name": lambda key: f"{key}.jpg",
            "SHA-256": lambda key: digest("image", key),
        }
        for name, of in names.items():
            took, used, found = zip(*(ask(store, of(key)) for key in asked), strict=True)
            print(
                f"by {name}: median {statistics.median(took):.2f} s, longest {max(took):.2f} s, "
                f"CPU {statistics.median(used):.2f} s; models found: "
                f"{min(found)} of {options.trainings}"
            )


if __name__ == "__main__":
    main()
