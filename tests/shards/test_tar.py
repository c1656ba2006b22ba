"""One shard: bytes that are fixed for ever, and where its members lie."""

import hashlib
import io
import tarfile
from dataclasses import replace

import pytest

from tests.shards.conftest import OPTIONS
from unigs.errors import DataError
from unigs.shards.build import build_shards
from unigs.shards.manifest import read_sample_table
from unigs.shards.tar import write_shard

SAMPLES = [
    ("a", {"json": b"{}", "image.png": bytes(range(256)) * 7}),
    ("b-1", {"json": b'{"key": "b-1"}', "coarse.png": b"", "image.png": b"x" * 512}),
]


def test_bytes_are_those_of_earlier_versions(tmp_path):
    file = write_shard(tmp_path / "s.tar", SAMPLES)
    assert file.bytes == 10240
    assert file.sha256 == "ff66af13aa740bdc484bcaf7182d650dc6dd73efccfe90a59aaf4f4164167839"
    assert hashlib.sha256((tmp_path / "s.tar").read_bytes()).hexdigest() == file.sha256


def test_shard_is_what_tarfile_makes_of_the_members_sorted(tmp_path):
    file = write_shard(tmp_path / "s.tar", SAMPLES)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for key, files in SAMPLES:
            for extension in sorted(files):
                info = tarfile.TarInfo(f"{key}.{extension}")
                info.size, info.mode = len(files[extension]), 0o644
                tar.addfile(info, io.BytesIO(files[extension]))
    data = (tmp_path / "s.tar").read_bytes()
    assert data == buffer.getvalue()
    assert len(file.members) == 5
    for member in file.members:
        content = dict(SAMPLES)[member.key][member.extension]
        assert data[member.offset : member.offset + member.size] == content
        assert member.sha256 == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("key", ["a.b", "../a", "/a", "a b", "a\\b", "", "k" * 97])
def test_keys_that_readers_would_not_give_back_are_errors(tmp_path, key):
    with pytest.raises(DataError, match=r"key holds|does not fit"):
        write_shard(tmp_path / "s.tar", [(key, {"json": b"{}"})])
    assert not list(tmp_path.iterdir())


def test_scene_whose_name_is_too_long_costs_itself_alone(scenes, tmp_path):
    long = replace(scenes[0], key="k" * 97)
    manifest = build_shards([long, *scenes[1:4]], "entity", OPTIONS, tmp_path, shards=1)
    assert [entry.scene for entry in manifest.skipped] == [long.key]
    assert read_sample_table(tmp_path)["key"].to_pylist() == [scene.key for scene in scenes[1:4]]
