"""The index by which NVIDIA's Energon reads a folder of shards as it is.

Its layout is documented by Megatron-Energon ("Dataset Format on Disk"): beside each tar the places
of its samples, and in ``.nv-meta`` what the folder holds. Samples are given out raw (a "crude"
data set), for a cooker of the task encoder that trains on them.
"""

from __future__ import annotations

import contextlib
import sqlite3
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

import yaml

from unigs.io.files import writing
from unigs.shards.tar import BLOCK, padding

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = ("train", "val", "test")

META = ".nv-meta"
INDEX_ENDING = ".idx"

_TABLES = """
CREATE TABLE samples (
    tar_file_id INTEGER NOT NULL, sample_key TEXT NOT NULL UNIQUE, sample_index INTEGER NOT NULL,
    byte_offset INTEGER, byte_size INTEGER
);
CREATE TABLE sample_parts (
    tar_file_id INTEGER, sample_index INTEGER, part_name TEXT,
    content_byte_offset INTEGER, content_byte_size INTEGER
);
"""
_INDEXES = """
CREATE INDEX idx_samples_sample_key ON samples(sample_key);
CREATE INDEX idx_samples_by_tar_and_idx ON samples(tar_file_id, sample_index);
CREATE INDEX idx_sample_parts_seq
    ON sample_parts(tar_file_id, sample_index, content_byte_offset);
CREATE INDEX idx_sample_parts_full ON sample_parts(
    tar_file_id, sample_index, part_name, content_byte_offset, content_byte_size
);
"""


def energon_part(split: str) -> Split:
    """Return the part of Energon's split for a data set's split: train, test or else val."""
    return next((part for part in SPLITS if split.startswith(part)), "val")


def write_energon_index(
    folder: Path, records: Iterable[dict[str, Any]], task: str, split: Split, digest: str
) -> tuple[str, ...]:
    """Write the index of finished shards.

    Args:
        records: of the shards (`write_record`).
        task: becomes a subflavor, by which a cooker can be chosen.
        split: the part of Energon's split that all shards belong to.
        digest: of the shards; the identity that Energon's cache goes by follows from it.

    Returns:
        The files, relative to the folder: ``NAME.tar.idx`` and those in ``.nv-meta``.
    """
    filled = [record for record in records if record["rows"]]
    names = [record["shard"]["path"] for record in filled]
    for record, name in zip(filled, names, strict=True):
        places = list(_places(record["rows"]))
        ends = [start for start, _ in places] + [places[-1][1]]
        with writing(folder / f"{name}{INDEX_ENDING}") as partial:
            partial.write_bytes(b"".join(end.to_bytes(8, "little") for end in ends))
    documents: dict[str, dict[str, Any]] = {
        "dataset.yaml": {
            "__module__": "megatron.energon",
            "__class__": "CrudeWebdataset",
            "subflavors": {"task": task},
        },
        "split.yaml": {
            "exclude": [],
            "split_parts": {part: names if part == split else [] for part in SPLITS},
        },
        ".info.yaml": {
            "shard_counts": {name: len(r["rows"]) for r, name in zip(filled, names, strict=True)}
        },
    }
    for document, content in documents.items():
        with writing(folder / META / document) as partial:
            partial.write_text(yaml.safe_dump(content, sort_keys=False), "utf-8")
    with writing(folder / META / "index.uuid") as partial:
        partial.write_text(str(uuid.uuid5(uuid.NAMESPACE_OID, digest)), "utf-8")
    with writing(folder / META / "index.sqlite") as partial:
        _write_database(partial, filled)
    inside = (*documents, "index.uuid", "index.sqlite")
    return (
        *(f"{name}{INDEX_ENDING}" for name in names),
        *(f"{META}/{name}" for name in inside),
    )


def _write_database(path: Path, records: Iterable[dict[str, Any]]) -> None:
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.executescript(_TABLES)
        for number, record in enumerate(records):
            rows = record["rows"]
            places = enumerate(zip(rows, _places(rows), strict=True))
            for index, (row, (start, end)) in places:
                database.execute(
                    "INSERT INTO samples VALUES (?, ?, ?, ?, ?)",
                    (number, row["key"], index, start, end - start),
                )
                database.executemany(
                    "INSERT INTO sample_parts VALUES (?, ?, ?, ?, ?)",
                    [
                        (number, index, m["extension"], m["offset"], m["size"])
                        for m in row["members"]
                    ],
                )
        database.executescript(_INDEXES)


def _places(rows: Iterable[dict[str, Any]]) -> Iterator[tuple[int, int]]:
    """Yield where each sample begins and ends in its tar, headers and padding included."""
    for row in rows:
        first, last = row["members"][0], row["members"][-1]
        end = last["offset"] + last["size"]
        yield first["offset"] - BLOCK, end + len(padding(last["size"]))
