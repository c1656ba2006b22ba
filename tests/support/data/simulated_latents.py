"""A folder of latents that has tables for many samples and the bytes of one."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from unigs.io.files import sha256_of
from unigs.latents.build import LATENT_COLUMNS
from unigs.latents.prompts import PROMPTS, TEXT, write_text_table
from unigs.latents.shard import npy_bytes
from unigs.latents.stored import MASKS, PARTS
from unigs.shards.manifest import (
    ROWS_PER_GROUP,
    SAMPLES,
    ShardManifest,
    ShardRecord,
    write_manifest,
)
from unigs.shards.tar import write_shard

SHAPE = (4, 4, 4)


def simulated_latents(folder: Path, count: int, shards: int = 1) -> Path:
    """Write tables of `count` samples, all of which lie where the only one of each shard does."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    files = {}
    for part in PARTS:
        shape = (1, *SHAPE[1:]) if part in MASKS else SHAPE
        files[f"{part}.npy"] = npy_bytes(rng.normal(size=shape).astype(np.float16))
    files["json"] = json.dumps({"key": "0"}).encode()
    records = []
    for number in range(shards):
        name = f"inpainting-{number:05d}-of-{shards:05d}.tar"
        file = write_shard(folder / name, [("0", dict(sorted(files.items())))])
        records.append(ShardRecord(name, file.sha256, file.bytes, count // shards, "0" * 64))
        members = file.members_by_key()["0"]
    with pq.ParquetWriter(folder / SAMPLES, LATENT_COLUMNS) as writer:
        for first in range(0, count, 50_000):
            rows = np.arange(first, min(first + 50_000, count))
            writer.write_table(_rows(rows, members, [record.path for record in records], count),
                               row_group_size=ROWS_PER_GROUP)  # fmt: skip
    prompts = [f"inpainting: generate {number}." for number in range(50)]
    text = write_text_table(folder, prompts, lambda some: np.zeros((len(some), 3, 8)))
    write_manifest(
        folder,
        ShardManifest(
            shards=tuple(records),
            digest="0" * 64,
            sources="0" * 64,
            samples=count,
            scenes=count,
            counts={},
            skipped=(),
            removed=(),
            configuration={"task": "inpainting", "latent": list(SHAPE), "text": list(text)},
            code_version="0",
            files={name: sha256_of(folder / name) for name in (SAMPLES, TEXT, PROMPTS)},
        ),
    )
    return folder


def _rows(rows, members, names, count) -> pa.Table:
    n, each = len(rows), len(members)
    struct = pa.StructArray.from_arrays(
        [
            pa.array([member["extension"] for member in members] * n),
            pa.array(np.tile([member["offset"] for member in members], n)),
            pa.array(np.tile([member["size"] for member in members], n)),
            pa.array([member["sha256"] for member in members] * n),
        ],
        fields=list(LATENT_COLUMNS.field("members").type.value_type),
    )
    offsets = pa.array(np.arange(0, (n + 1) * each, each, dtype=np.int32))
    shard = rows * len(names) // count
    return pa.Table.from_arrays(
        [
            pa.array([f"{row:09d}" for row in rows.tolist()]),
            pa.array([names[number] for number in shard.tolist()]),
            pa.array([f"{row:09d}" for row in rows.tolist()]),
            pa.array([f"inpainting: generate {row % 50}." for row in rows.tolist()]),
            pa.ListArray.from_arrays(offsets, struct),
        ],
        schema=LATENT_COLUMNS,
    )
