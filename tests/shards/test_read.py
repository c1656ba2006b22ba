"""Reading shards from end to end: from anywhere, and nothing that is not as it was written."""

import gzip
import json
import shutil
import uuid
from pathlib import Path

import fsspec
import numpy as np
import pytest

from tests.shards.conftest import OPTIONS
from unigs.errors import ConfigError, DataError
from unigs.shards.build import build_shards
from unigs.shards.contact_sheet import contact_sheet
from unigs.shards.manifest import MANIFEST, SAMPLES, digest_of, read_manifest, read_sample_table
from unigs.shards.mirror import pull_shards, push_shards
from unigs.shards.read import read_samples
from unigs.shards.tar import write_shard
from unigs.shards.verify import verify_shards


@pytest.fixture
def copy(built, tmp_path):
    """A copy of the eight shards."""
    return shutil.copytree(built[0], tmp_path / "copy")


def flip(file: Path, place: int) -> None:
    data = bytearray(file.read_bytes())
    data[place] ^= 1
    file.write_bytes(data)


def older(folder: Path) -> None:
    """Make a folder look like one of an earlier version: sealed, of another format."""
    content = json.loads((folder / MANIFEST).read_text())
    del content["seal"], content["format"]
    content["seal"] = digest_of(content)
    (folder / MANIFEST).write_text(json.dumps(content))


@pytest.mark.parametrize("extension", ["image.png", "coarse.png", "json"])
def test_flipped_byte_stops_the_reading_before_its_sample_is_handed_out(copy, extension):
    shard = read_manifest(copy).shards[1]
    rows = read_sample_table(copy, shard=shard.path).to_pylist()
    victim = rows[2]
    member = next(m for m in victim["members"] if m["extension"] == extension)
    flip(copy / shard.path, member["offset"] + member["size"] // 2)
    reading = read_samples(copy, shard.path)
    assert [next(reading).key for _ in range(2)] == [row["key"] for row in rows[:2]]
    with pytest.raises(DataError, match=rf"{shard.path}: {victim['key']}: changed since"):
        next(reading)


def test_what_belongs_to_no_sample_is_compared_too(copy):
    shard = read_manifest(copy).shards[0]
    flip(copy / shard.path, shard.bytes - 1)
    reading = read_samples(copy, shard.path)
    assert len([next(reading) for _ in range(shard.samples)]) == shard.samples
    with pytest.raises(DataError, match=rf"{shard.path}: changed since"):
        next(reading)


def test_shard_cut_short_or_gone_is_named(copy):
    first, second, third = (copy / shard.path for shard in read_manifest(copy).shards[:3])
    first.write_bytes(first.read_bytes()[:3000])
    second.unlink()
    third.write_bytes(gzip.compress(third.read_bytes()))
    for shard in (first, second, third):
        with pytest.raises(DataError, match=shard.name):
            list(read_samples(copy, shard.name))
    assert {name for name, _ in verify_shards(copy)} == {first.name, second.name, third.name}


def test_sample_taken_out_or_put_in_is_found(copy, tmp_path):
    """Each file has the digest written down, the shard has not."""
    shard = read_manifest(copy).shards[0]
    data = (copy / shard.path).read_bytes()
    samples = [
        (
            row["key"],
            {m["extension"]: data[m["offset"] :][: m["size"]] for m in row["members"]},
        )
        for row in read_sample_table(copy, shard=shard.path).to_pylist()
    ]
    write_shard(copy / shard.path, samples)
    assert len(list(read_samples(copy, shard.path))) == len(samples)
    write_shard(copy / shard.path, [*samples[:1], *samples[2:]])
    with pytest.raises(DataError, match=samples[1][0]):
        list(read_samples(copy, shard.path))
    write_shard(copy / shard.path, [*samples, ("zzz", {"json": b"{}"})])
    with pytest.raises(DataError, match=shard.path):
        list(read_samples(copy, shard.path))


def test_changed_table_is_told(copy):
    flip(copy / SAMPLES, 100)
    with pytest.raises(DataError, match=SAMPLES):
        next(read_samples(copy))


def test_lost_table_is_told(copy):
    (copy / SAMPLES).unlink()
    for read in (lambda: list(read_samples(copy)), lambda: contact_sheet(copy, copy / "x.png")):
        with pytest.raises(DataError, match=rf"{SAMPLES}: is missing \(build the shards again"):
            read()
    assert verify_shards(copy) == [(SAMPLES, "")]


@pytest.mark.parametrize("kind", ["memory", "s3"])
def test_shards_are_read_and_verified_straight_from_a_bucket(built, kind, request, tmp_path):
    far = f"memory://{uuid.uuid4().hex}"
    if kind == "s3":
        far = f"{request.getfixturevalue('bucket')}/{uuid.uuid4().hex}"
    push_shards(built[0], far)
    for near, there in zip(read_samples(built[0]), read_samples(far), strict=True):
        assert near.key == there.key
        np.testing.assert_array_equal(near.image, there.image)
        np.testing.assert_array_equal(near.segments, there.segments)
    assert verify_shards(far) == []
    assert contact_sheet(far, tmp_path / "sheet.png", count=3, tile=16) == 3


def test_flipped_byte_in_a_bucket_is_named(copy):
    far = f"memory://{uuid.uuid4().hex}"
    push_shards(copy, far)
    shard = read_manifest(copy).shards[0]
    row = read_sample_table(copy, shard=shard.path).to_pylist()[0]
    files, base = fsspec.core.url_to_fs(far)
    data = bytearray(files.cat_file(f"{base}/{shard.path}"))
    data[row["members"][0]["offset"]] ^= 1
    files.pipe_file(f"{base}/{shard.path}", bytes(data))
    with pytest.raises(DataError, match=rf"{shard.path}: {row['key']}"):
        next(read_samples(far))
    assert verify_shards(far) == [(shard.path, row["key"])]


def test_side_files_of_other_tools_are_passed_over(copy, scenes):
    names = [f"._{read_manifest(copy).shards[0].path}", ".DS_Store", "notes.txt", "backup.tar.bak"]
    for name in names:
        (copy / name).write_bytes(b"\0")
    assert verify_shards(copy) == []
    (copy / "mine.tar").write_bytes(b"mine")
    assert verify_shards(copy) == [("mine.tar", "")]
    build_shards(scenes[1:], "referring", OPTIONS, copy)
    assert all((copy / name).is_file() for name in [*names, "mine.tar"])


def test_folder_of_an_earlier_version_is_refused_in_one_line_and_built_anew(copy, scenes, built):
    older(copy)
    for use in (
        lambda: next(read_samples(copy)),
        lambda: verify_shards(copy),
        lambda: push_shards(copy, f"memory://{uuid.uuid4().hex}"),
        lambda: contact_sheet(copy, copy / "sheet.png"),
    ):
        with pytest.raises(DataError, match=r"another version of unigs.*build shards and latents"):
            use()
    assert build_shards(scenes, "referring", OPTIONS, copy, shards=8).digest == built[1].digest
    assert verify_shards(copy) == []


def test_bucket_of_an_earlier_version_is_pushed_over_and_not_pulled(copy, built, tmp_path):
    far = tmp_path / "far"
    push_shards(copy, str(far))
    older(far)
    with pytest.raises(DataError, match="another version"):
        pull_shards(str(far), tmp_path / "cache")
    assert len(push_shards(copy, str(far)).copied) == 8
    assert len(pull_shards(str(far), tmp_path / "cache").copied) == 8


def test_a_shard_that_is_not_there_is_told(copy):
    with pytest.raises(DataError, match=r"has no shard x\.tar"):
        next(read_samples(copy, "x.tar"))


def test_a_format_that_shards_do_not_have_is_told(scenes, tmp_path):
    with pytest.raises(ConfigError, match=r"image_format 'gif'.*png, jpg"):
        build_shards(scenes, "entity", OPTIONS, tmp_path, image_format="gif")
