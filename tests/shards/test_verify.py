"""Verifying shards: any flipped bit has a shard and a key; and the contact sheet."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from tests.made_scenes import files_of
from tests.shards.conftest import OPTIONS
from unigs.contact_sheet import contact_sheet
from unigs.errors import ConfigError, DataError
from unigs.shard_manifest import MANIFEST, SAMPLES, read_sample_table
from unigs.shard_verify import verify_shards
from unigs.shards import build_shards, read_samples


@pytest.mark.parametrize("seed", range(6))
def test_any_flipped_bit_is_found_with_shard_and_key(built, tmp_path, seed):
    folder, manifest = built
    for name, data in files_of(folder).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    rng = np.random.default_rng(seed)
    shard = tmp_path / manifest.shards[int(rng.integers(len(manifest.shards)))].path
    data = bytearray(shard.read_bytes())
    place = int(rng.integers(len(data)))
    data[place] ^= 1 << int(rng.integers(8))
    shard.write_bytes(data)
    key = ""
    for row in read_sample_table(folder, shard=shard.name).to_pylist():
        for member in row["members"]:
            end = member["offset"] + member["size"]
            if member["offset"] - 512 <= place < end + -end % 512:
                key = row["key"]
    assert verify_shards(tmp_path) == [(shard.name, key)]


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
    bad = verify_shards(tmp_path)
    assert (first.name, "") in bad
    assert ("foreign.tar", "") in bad
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
