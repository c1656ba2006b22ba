"""Write one shard of latents from a shard of pixels."""

from __future__ import annotations

import functools
import io
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from unigs.latents.encode import encode_samples
from unigs.shards.manifest import ShardRecord, write_record
from unigs.shards.read import read_samples
from unigs.shards.tar import write_shard
from unigs.tasks import TASKS

# Samples decoded at a time: the variants of a scene, which share its image, lie side by side.
SAMPLES_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class LatentJob:
    """One shard to encode; arguments of `unigs.latents.build.build_latents`."""

    source: Path
    folder: Path
    name: str
    inputs: str
    task: str
    refine_steps: int
    posterior: bool


def write_latents(job: LatentJob, autoencoder: Any) -> None:
    """Write the latents of one pixel shard and their record."""
    task = TASKS[job.task]
    rows: dict[str, dict[str, Any]] = {}
    shape: list[int] = []

    def encoded() -> Iterator[tuple[str, dict[str, bytes]]]:
        samples = read_samples(job.source, job.name)
        while chunk := list(islice(samples, SAMPLES_AT_ONCE)):
            arrays = encode_samples(chunk, task, autoencoder, job.refine_steps, job.posterior)
            if task.control != "masked_image":
                del arrays["control"]
            shape[:] = arrays["image"].shape[1:]
            for index, sample in enumerate(chunk):
                files = {f"{part}.npy": npy_bytes(array[index]) for part, array in arrays.items()}
                facts = {
                    "key": sample.key,
                    "scene": sample.scene,
                    "task": sample.task,
                    "prompt": sample.prompt,
                    "source_digest": sample.source_digest,
                }
                files["json"] = json.dumps(facts, sort_keys=True).encode()
                rows[sample.key] = {
                    "key": sample.key,
                    "shard": job.name,
                    "scene": sample.scene,
                    "prompt": sample.prompt,
                }
                yield sample.key, dict(sorted(files.items()))

    file = write_shard(job.folder / job.name, encoded())
    for key, members in file.members_by_key().items():
        rows[key]["members"] = members
    record = ShardRecord(job.name, file.sha256, file.bytes, len(rows), job.inputs)
    content = {"shard": asdict(record), "rows": list(rows.values()), "latent": shape}
    write_record(job.folder, content | {"counts": {}, "skipped": []})


def npy_bytes(array: np.ndarray) -> bytes:
    """Return an array as the bytes of an .npy file."""
    return _npy_header(array.dtype.str, array.shape) + np.ascontiguousarray(array).tobytes()


@functools.cache
def _npy_header(dtype: str, shape: tuple[int, ...]) -> bytes:
    buffer = io.BytesIO()
    facts = {"descr": dtype, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(buffer, facts)
    return buffer.getvalue()
