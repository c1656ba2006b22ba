"""Energon's index, read as "Dataset Format on Disk" describes it."""

import itertools
import json
import shutil
import sqlite3
import struct
import tarfile
import uuid

import pytest
import yaml

from tests.shards.conftest import OPTIONS
from unigs.shards.build import build_shards
from unigs.shards.energon import energon_part
from unigs.shards.manifest import read_manifest
from unigs.shards.mirror import pull_shards, push_shards
from unigs.shards.verify import verify_shards


@pytest.fixture(scope="module")
def indexed(scenes, tmp_path_factory):
    """Three shards with the index, as the part `train`."""
    folder = tmp_path_factory.mktemp("energon")
    build_shards(scenes, "referring", OPTIONS, folder, shards=3, energon="train")
    return folder


def samples_by_offsets(folder, shard):
    """Each sample of a shard: what lies between two neighbours of its .tar.idx, as a tar."""
    data = (folder / shard).read_bytes()
    index = (folder / f"{shard}.idx").read_bytes()
    ends = struct.unpack(f"<{len(index) // 8}Q", index)
    for start, end in itertools.pairwise(ends):
        yield data[start:end]
    assert not data[ends[-1] :].strip(b"\0")


def members_of(part, folder):
    (folder / "part.tar").write_bytes(part + bytes(1024))
    with tarfile.open(folder / "part.tar") as tar:
        return {m.name: tar.extractfile(m).read() for m in tar.getmembers()}


def test_offsets_cut_each_shard_into_its_samples(indexed, tmp_path):
    meta = indexed / ".nv-meta"
    info = yaml.safe_load((meta / ".info.yaml").read_text())
    shards = [shard.path for shard in read_manifest(indexed).shards]
    assert list(info["shard_counts"]) == shards
    for shard, count in info["shard_counts"].items():
        with tarfile.open(indexed / shard) as tar:
            names = tar.getnames()
        parts = [members_of(part, tmp_path) for part in samples_by_offsets(indexed, shard)]
        assert len(parts) == count
        assert [name for part in parts for name in part] == names
        for part in parts:
            (key,) = {name.split(".", 1)[0] for name in part}
            assert json.loads(part[f"{key}.json"])["key"] == key


def test_database_finds_every_file_by_key_and_part(indexed):
    shards = [shard.path for shard in read_manifest(indexed).shards]
    database = sqlite3.connect(
        f"file:{indexed}/.nv-meta/index.sqlite?mode=ro&immutable=1", uri=True
    )
    rows = database.execute(
        "SELECT p.tar_file_id, s.sample_key || '.' || p.part_name, p.content_byte_offset,"
        " p.content_byte_size, s.byte_offset, s.byte_size FROM sample_parts p JOIN samples s"
        " ON p.tar_file_id = s.tar_file_id AND p.sample_index = s.sample_index"
    ).fetchall()
    found = {(shards[tar], name): (offset, size) for tar, name, offset, size, _, _ in rows}
    expected = {}
    for shard in shards:
        with tarfile.open(indexed / shard) as tar:
            expected |= {(shard, m.name): (m.offset_data, m.size) for m in tar.getmembers()}
    assert found == expected
    for _, _, offset, size, start, length in rows:
        assert start + 512 <= offset
        assert offset + size <= start + length
    for tar, shard in enumerate(shards):
        index = (indexed / f"{shard}.idx").read_bytes()
        ends = struct.unpack(f"<{len(index) // 8}Q", index)
        held = database.execute(
            "SELECT byte_offset, byte_offset + byte_size FROM samples WHERE tar_file_id = ?"
            " ORDER BY sample_index",
            (tar,),
        ).fetchall()
        assert held == list(itertools.pairwise(ends))
    database.close()


def test_meta_says_what_the_folder_holds(indexed):
    meta = indexed / ".nv-meta"
    split = yaml.safe_load((meta / "split.yaml").read_text())
    shards = [shard.path for shard in read_manifest(indexed).shards]
    assert split == {"exclude": [], "split_parts": {"train": shards, "val": [], "test": []}}
    dataset = yaml.safe_load((meta / "dataset.yaml").read_text())
    assert dataset["__module__"] == "megatron.energon"
    assert dataset["__class__"] == "CrudeWebdataset"
    assert dataset["subflavors"] == {"task": "referring"}
    assert uuid.UUID((meta / "index.uuid").read_text())
    assert [energon_part(name) for name in ("train", "train2017", "validation", "test")] == [
        "train", "train", "val", "test"
    ]  # fmt: skip


def test_index_is_verified_and_travels_with_the_shards(indexed, tmp_path):
    near = shutil.copytree(indexed, tmp_path / "near")
    push_shards(near, str(tmp_path / "far"))
    pull_shards(str(tmp_path / "far"), tmp_path / "cache")
    for name in (".nv-meta/index.sqlite", ".nv-meta/split.yaml"):
        assert (tmp_path / "cache" / name).read_bytes() == (indexed / name).read_bytes()
    (near / ".nv-meta" / "split.yaml").write_text("exclude: []\n")
    assert verify_shards(near) == [(".nv-meta/split.yaml", "")]


def test_index_follows_the_shards_and_goes_with_a_build_that_does_not_ask_for_it(
    indexed, scenes, tmp_path
):
    folder, far = shutil.copytree(indexed, tmp_path / "folder"), str(tmp_path / "far")
    before = (folder / ".nv-meta" / "index.uuid").read_text()
    tars = {path.name: path.read_bytes() for path in folder.glob("*.tar")}
    push_shards(folder, far)
    pull_shards(far, tmp_path / "cache")
    build_shards(scenes[1:], "referring", OPTIONS, folder, energon="train")
    assert (folder / ".nv-meta" / "index.uuid").read_text() != before
    assert verify_shards(folder) == []
    (folder / ".nv-meta" / "sample_loader.py").write_text("# somebody's own")
    build_shards(scenes, "referring", OPTIONS, folder)
    assert {path.name: path.read_bytes() for path in folder.glob("*.tar")} == tars
    push_shards(folder, far)
    pull_shards(far, tmp_path / "cache")
    for place in (folder, tmp_path / "far", tmp_path / "cache"):
        assert not list(place.glob("*.idx"))
        assert not (place / ".nv-meta" / "index.sqlite").exists()
    assert (folder / ".nv-meta" / "sample_loader.py").exists()
