"""Verifying shards: any flipped bit has a shard and a key; and the contact sheet."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.shards.conftest import OPTIONS
from tests.support.data.made_scenes import files_of
from unigs.errors import ConfigError, DataError
from unigs.shards.build import build_shards
from unigs.shards.contact_sheet import contact_sheet
from unigs.shards.manifest import MANIFEST, SAMPLES, read_sample_table
from unigs.shards.read import read_samples
from unigs.shards.verify import verify_shards


@pytest.fixture(scope="module")
def copied(built, tmp_path_factory):
    """A copy of the eight shards, and for each the bytes that belong to each of its keys."""
    folder, manifest = built
    copy = tmp_path_factory.mktemp("copy")
    for name, data in files_of(folder).items():
        (copy / name).parent.mkdir(exist_ok=True)
        (copy / name).write_bytes(data)
    places = {}
    for record in manifest.shards:
        rows = read_sample_table(folder, shard=record.path).to_pylist()
        places[record.path] = [
            (row["key"], member["offset"] - 512, member["offset"] + member["size"] + 511)
            for row in rows
            for member in row["members"]
        ]
    return copy, places


@settings(max_examples=40)
@given(st.integers(0, 7), st.floats(0, 1, exclude_max=True), st.integers(0, 7))
def test_any_flipped_bit_is_found_with_shard_and_key(copied, number, share, bit):
    folder, places = copied
    shard = folder / sorted(places)[number]
    sound = shard.read_bytes()
    flipped = bytearray(sound)
    place = int(share * len(sound))
    flipped[place] ^= 1 << bit
    shard.write_bytes(flipped)
    # between the last member and the end of the tar lies what belongs to no key
    key = next((k for k, first, end in places[shard.name] if first <= place < end // 512 * 512), "")
    found = verify_shards(folder)
    shard.write_bytes(sound)
    assert found == [(shard.name, key)]


def test_every_bit_of_a_small_shard(scenes, tmp_path):
    manifest = build_shards(scenes[:1], "entity", replace(OPTIONS, size=8), tmp_path, shards=1)
    shard = tmp_path / manifest.shards[0].path
    data = shard.read_bytes()
    for place in range(0, len(data), 211):
        flipped = bytearray(data)
        flipped[place] ^= 16
        shard.write_bytes(flipped)
        assert [name for name, _ in verify_shards(tmp_path)] == [shard.name]


def test_missing_foreign_and_truncated_files_are_found(scenes, tmp_path):
    manifest = build_shards(scenes, "entity", OPTIONS, tmp_path, shards=4)
    first, second = (tmp_path / record.path for record in manifest.shards[:2])
    first.unlink()
    second.write_bytes(second.read_bytes()[:2000])
    (tmp_path / "foreign.tar").write_bytes(b"")
    (tmp_path / f"._{second.name}").write_bytes(b"left by macOS")
    bad = verify_shards(tmp_path)
    assert (first.name, "") in bad
    assert ("foreign.tar", "") in bad
    assert not [name for name, _ in bad if name.startswith(".")]
    assert {key for name, key in bad if name == second.name} > {""} - {""}
    table = tmp_path / SAMPLES
    table.write_bytes(table.read_bytes()[:-3])
    assert (SAMPLES, "") in verify_shards(tmp_path)
    text = (tmp_path / MANIFEST).read_text()
    (tmp_path / MANIFEST).write_text(text.replace('"entity"', '"entitx"', 1))
    assert verify_shards(tmp_path) == [(MANIFEST, "")]
    (tmp_path / MANIFEST).unlink()
    with pytest.raises(DataError, match="no manifest"):
        verify_shards(tmp_path)


def test_contact_sheet(built, tmp_path):
    folder, _ = built
    drawn = contact_sheet(folder, tmp_path / "sheet.png", count=6, tile=32)
    assert drawn == 6
    sheet = np.asarray(Image.open(tmp_path / "sheet.png"))
    first = next(read_samples(folder))
    np.testing.assert_array_equal(sheet[8:40, 8:40], first.image)
    with pytest.raises(ConfigError):
        contact_sheet(folder, tmp_path / "none.png", count=0)
