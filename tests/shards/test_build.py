"""Shards: bytes that depend on the inputs alone, readable by stock tools."""

import subprocess
import tarfile
from dataclasses import replace

import numpy as np
import pytest
import webdataset

from tests.shards.conftest import OPTIONS
from tests.support.data.made_scenes import files_of
from tests.support.elsewhere import Elsewhere
from unigs.colormap.palette import Palette
from unigs.datasets import open_dataset
from unigs.datasets.shapes.generate import write_shapes
from unigs.errors import ConfigError, DataError
from unigs.index.scene_source import IndexedScenes
from unigs.index.scenes_index import build_index
from unigs.samples.options import SampleOptions
from unigs.samples.sample import make_sample, sample_seed
from unigs.shards.build import build_shards
from unigs.shards.manifest import MANIFEST, read_manifest, read_sample_table
from unigs.shards.read import read_samples
from unigs.shards.verify import verify_shards


def test_two_builds_in_any_order_and_with_two_workers_give_the_same_files(scenes, built, tmp_path):
    folder, manifest = built
    again = build_shards(
        list(reversed(scenes)), "referring", OPTIONS, tmp_path, shards=8, workers=2
    )
    assert files_of(tmp_path) == files_of(folder)
    assert again == manifest
    assert verify_shards(tmp_path) == []


def test_a_cluster_builds_the_same_files(scenes, built, tmp_path):
    elsewhere, told = Elsewhere(), []
    manifest = build_shards(
        scenes, "referring", OPTIONS, tmp_path / "there", shards=8,
        spread=elsewhere, progress=lambda done, total: told.append((done, total)),
    )  # fmt: skip
    assert manifest == built[1]
    assert files_of(tmp_path / "there") == files_of(built[0])
    assert elsewhere.count == 8
    assert told == [(done, 8) for done in range(9)]


def test_samples_are_those_of_the_scenes(scenes, built):
    folder, manifest = built
    by_key = {scene.key: scene for scene in scenes}
    samples = list(read_samples(folder))
    assert len(samples) == manifest.samples == len(scenes) - len(manifest.skipped)
    for sample in samples:
        scene = by_key[sample.key]
        expected = make_sample(
            scene, "referring", OPTIONS, sample_seed(scene.digest, "referring", 0, 0)
        )
        assert sample.prompt == expected.prompt
        np.testing.assert_array_equal(sample.image, expected.image)
        np.testing.assert_array_equal(sample.segments, expected.segments)


def test_stock_tar_and_webdataset_read_them(built, tmp_path):
    folder, manifest = built
    shard = folder / manifest.shards[0].path
    names = subprocess.run(
        ["tar", "-tvf", str(shard)], check=True, capture_output=True, text=True
    ).stdout.splitlines()
    assert len(names) == 5 * manifest.shards[0].samples
    assert all(line.startswith("-rw-r--r-- 0/0 ") for line in names)
    with tarfile.open(shard) as tar:
        members = tar.getmembers()
    assert [m.name for m in members] == sorted(m.name for m in members)
    assert {m.mtime for m in members} == {0}

    urls = [str(folder / record.path) for record in manifest.shards]
    stock = webdataset.WebDataset(urls, shardshuffle=False).decode("rgb8")
    ours = {sample.key: sample for sample in read_samples(folder)}
    seen = 0
    for item in stock:
        sample = ours[item["__key__"]]
        np.testing.assert_array_equal(item["image.png"], sample.image)
        np.testing.assert_array_equal(item["colormap.png"], sample.colormap)
        assert item["json"]["prompt"] == sample.prompt
        seen += 1
    assert seen == manifest.samples


def test_variants_differ_and_have_keys_of_their_own(scenes, tmp_path):
    manifest = build_shards(scenes[:6], "inpainting", OPTIONS, tmp_path, variants=3)
    samples = list(read_samples(tmp_path))
    assert manifest.samples == len({sample.key for sample in samples}) == 18
    masks = {(s.scene, s.coarse_mask.tobytes()) for s in samples}
    assert len(masks) > 12


def test_unreadable_scenes_are_skipped_and_the_rest_goes_on(scenes, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(scenes[0].image_file.read_bytes()[:200])
    mixed = [
        replace(scenes[0], image_file=broken),
        replace(scenes[1], image_file=tmp_path / "missing.png"),
        replace(scenes[2], entities=(), crowd=(), segments=np.zeros_like(scenes[2].segments)),
        *scenes[3:],
    ]
    manifest = build_shards(mixed, "entity", OPTIONS, tmp_path / "out", shards=4)
    assert {r.scene for r in manifest.skipped} == {scene.key for scene in mixed[:3]}
    assert manifest.samples == len(scenes) - 3
    assert "no entity in the crop" in manifest.skipped_by_reason
    stored = read_manifest(tmp_path / "out")
    assert stored == manifest
    with pytest.raises(DataError, match="none of 3 scenes"):
        build_shards(mixed[:3], "entity", OPTIONS, tmp_path / "none", shards=1)
    assert not (tmp_path / "none" / MANIFEST).exists()


def test_no_scenes_twin_keys_and_bad_numbers_are_errors(scenes, tmp_path):
    with pytest.raises(DataError, match="no scenes"):
        build_shards([], "entity", OPTIONS, tmp_path)
    with pytest.raises(DataError, match="two scenes of one key"):
        build_shards([scenes[0], scenes[0]], "entity", OPTIONS, tmp_path)
    for change in (
        {"variants": 0},
        {"workers": 0},
        {"shards": 0},
        {"samples_per_shard": 0},
        {"bytes_per_shard": 0},
    ):
        with pytest.raises(ConfigError):
            build_shards(scenes, "entity", OPTIONS, tmp_path, **change)


def test_folder_that_is_a_file_is_one_error(scenes, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        build_shards(scenes, "entity", OPTIONS, tmp_path / "file" / "shards")


def test_table_tells_where_every_member_lies(built):
    folder, manifest = built
    table = read_sample_table(folder).to_pylist()
    assert len(table) == manifest.samples
    for row in table:
        with tarfile.open(folder / row["shard"]) as tar:
            members = {m.name: (m.offset_data, m.size) for m in tar.getmembers()}
        for member in row["members"]:
            where = (member["offset"], member["size"])
            assert members[f"{row['key']}.{member['extension']}"] == where


def test_index_and_memory_give_the_same_shards(tmp_path):
    write_shapes(tmp_path / "root", train=12, val=0, size=48)
    dataset = open_dataset("shapes", tmp_path / "root", "train")
    build_index(dataset, tmp_path / "scenes.parquet")
    source = IndexedScenes(tmp_path / "scenes.parquet")
    options = replace(OPTIONS, class_names=dataset.class_names)
    held = build_shards(dataset, "referring", options, tmp_path / "a", shards=3)
    indexed = build_shards(source, "referring", options, tmp_path / "b", shards=3)
    assert source.class_names == dataset.class_names
    assert held == indexed
    assert files_of(tmp_path / "a") == files_of(tmp_path / "b")
    (tmp_path / "root").rename(tmp_path / "moved")
    with pytest.raises(DataError, match=r"no longer at .*root \(give the folder where it is"):
        build_shards(source, "entity", options, tmp_path / "c", shards=3)
    moved = IndexedScenes(tmp_path / "scenes.parquet", tmp_path / "moved")
    assert build_shards(moved, "referring", options, tmp_path / "c", shards=3) == held


@pytest.mark.parametrize("task", ["inpainting", "synthesis", "referring", "entity"])
def test_real_photos_of_any_shape(test_data, tmp_path, task):
    dataset = open_dataset("coco_panoptic", test_data / "coco", "val")
    options = SampleOptions(Palette(11), dataset.class_names, size=64)
    scenes = [scene for scene, _ in zip(dataset, range(12), strict=False)]
    manifest = build_shards(scenes, task, options, tmp_path, shards=2, image_format="jpg")
    assert manifest.samples + len(manifest.skipped) == 12
    assert manifest.samples >= 10
    assert verify_shards(tmp_path) == []
    for sample in read_samples(tmp_path):
        assert {e.class_name for e in sample.entities} <= set(dataset.class_names)
