import json
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pycocotools import mask as coco_mask

from unigs.colormap import Palette
from unigs.datasets import open_dataset
from unigs.datasets.shapes.generate import write_shapes
from unigs.errors import DataError
from unigs.index.exclusions import Exclusions
from unigs.index.row_cache import RowCache
from unigs.index.scenes_index import ScenesIndex, build_index, read_index
from unigs.index.statistics import AREA_EDGES, scene_statistics
from unigs.io.rle import decode_labels, encode_labels


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    root = tmp_path_factory.mktemp("shapes")
    write_shapes(root, train=60, val=1, size=32)
    # image 7 loses its annotation, image 9 its file
    file = root / "annotations" / "panoptic_train2017.json"
    document = json.loads(file.read_text())
    document["annotations"] = [a for a in document["annotations"] if a["image_id"] != 7]
    file.write_text(json.dumps(document))
    (root / "train2017" / "000000000009.jpg").unlink()
    return root


@pytest.fixture(scope="module")
def index(shapes):
    path = shapes / "index" / "train.parquet"
    build_index(open_dataset("shapes", shapes, "train"), path)
    return path


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 20), st.integers(1, 20), st.integers(1, 6))
def test_runs_are_the_code_of_pycocotools_and_decode_to_the_map(seed, height, width, count):
    rng = np.random.default_rng(seed)
    segments = rng.integers(0, count + 1, (height, width)).astype(np.int32)
    labels = list(range(1, count + 1))
    codes = encode_labels(segments, labels)
    for label, code in zip(labels, codes, strict=True):
        assert code == coco_mask.encode(np.asfortranarray(segments == label))["counts"]
    decoded = decode_labels(codes, labels, height, width)
    assert decoded.dtype == np.int32
    assert np.array_equal(decoded, segments)


def test_scenes_come_back_without_the_annotation_files(shapes, index):
    rebuilt = list(read_index(index))
    assert len(rebuilt) == 58
    for scene, again in zip(open_dataset("shapes", shapes, "train"), rebuilt, strict=True):
        assert np.array_equal(scene.segments, again.segments)
        assert (scene.entities, scene.crowd) == (again.entities, again.crowd)
        assert (scene.key, scene.digest, scene.licence) == (again.key, again.digest, again.licence)
        assert np.array_equal(scene.image(), again.image())


def test_refused_records_stand_in_the_index_with_their_reason(index):
    opened = ScenesIndex(index)
    refused = {item.record: item.reason for item in opened.quarantined()}
    assert refused == {
        "image 7": "has 0 annotations, expected 1",
        "image 9": "cannot be read: No such file or directory",
    }
    assert len(opened) == 60
    assert opened.class_names[:2] == ("ball", "box")


def test_equal_data_gives_equal_bytes_and_an_equal_digest(shapes, index):
    again = index.with_name("again.parquet")
    elsewhere = shapes / "a" / "b" / "train.parquet"
    dataset = open_dataset("shapes", shapes, "train")
    reports = [build_index(dataset, path) for path in (again, elsewhere)]
    assert again.read_bytes() == index.read_bytes()
    assert reports[0].digest == reports[1].digest
    assert (reports[0].images, reports[0].quarantined) == (58, 2)
    assert next(read_index(elsewhere)).image().shape == (32, 32, 3)


def test_root_that_moved_can_be_given(shapes, index, tmp_path):
    os.symlink(shapes, tmp_path / "moved")
    scene = next(read_index(index, root=tmp_path / "moved"))
    assert scene.image_file.is_relative_to(tmp_path / "moved")
    assert scene.image().shape == (32, 32, 3)


def test_failure_leaves_the_index_before_and_no_partial_file(shapes, index, tmp_path):
    path = tmp_path / "train.parquet"
    path.write_bytes(index.read_bytes())
    (tmp_path / "annotations").mkdir()
    (tmp_path / "train2017").mkdir()
    (tmp_path / "annotations" / "panoptic_train2017").mkdir()
    (tmp_path / "annotations" / "panoptic_train2017.json").write_text('{"images": [')
    with pytest.raises(DataError, match=r"panoptic_train2017\.json"):
        build_index(open_dataset("shapes", tmp_path, "train"), path)
    assert path.read_bytes() == index.read_bytes()
    assert sorted(p.name for p in tmp_path.glob("*train.parquet*")) == ["train.parquet"]


@pytest.mark.parametrize("content", [b"", b"PAR1 but not really"])
def test_what_is_no_index_is_refused(tmp_path, content):
    path = tmp_path / "scenes.parquet"
    with pytest.raises(DataError, match="no such file"):
        ScenesIndex(path)
    path.write_bytes(content)
    with pytest.raises(DataError, match="no parquet file"):
        ScenesIndex(path)


def test_statistics_agree_with_the_scenes(index):
    scenes = list(read_index(index))
    measured = scene_statistics(ScenesIndex(index))
    assert measured.images == len(scenes)
    assert measured.entities == sum(len(scene.entities) for scene in scenes)
    assert sum(measured.class_counts.values()) == measured.entities == sum(measured.area_counts)
    assert measured.labelled_share == pytest.approx(np.mean([s.valid.mean() for s in scenes]))
    assert sum(measured.quarantined.values()) == 2
    shares = [e.area / s.segments.size for s in scenes for e in s.entities]
    expected, _ = np.histogram(shares, [0, *AREA_EDGES])
    assert list(measured.area_counts) == expected.tolist()
    for grid in (1, 3, 11):
        palette = Palette(grid=grid)
        covered = sum(
            palette.coverage(np.where(s.valid, s.segments, 0)) * len(s.entities) for s in scenes
        )
        assert measured.coverage[grid] == pytest.approx(covered / measured.entities)
        first = sum(
            len(set(palette.place(np.where(s.valid, s.segments, 0)).home.tolist())) for s in scenes
        )
        assert measured.coverage_first[grid] == pytest.approx(first / measured.entities)


def test_real_photographs_come_back_equal(test_data, tmp_path):
    dataset = open_dataset("coco_panoptic", test_data / "coco", "val")
    report = build_index(dataset, tmp_path / "val.parquet")
    assert (report.images, report.entities, report.quarantined) == (50, 541, 0)
    for scene, again in zip(dataset, read_index(report.path), strict=True):
        assert np.array_equal(scene.segments, again.segments)
        assert scene.entities == again.entities


def test_full_disk_is_told_and_leaves_nothing_behind(shapes, tmp_path):
    code = (
        "import resource, signal, sys\n"
        "from unigs.datasets import open_dataset\n"
        "from unigs.errors import DataError\n"
        "from unigs.index.scenes_index import build_index\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "try:\n"
        f"    build_index(open_dataset('shapes', {str(shapes)!r}, 'train'), sys.argv[1])\n"
        "except DataError as error:\n"
        "    print(error)\n"
    )
    path = tmp_path / "train.parquet"
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    assert "train.parquet" in done.stdout
    assert "written" in done.stdout
    assert len(done.stdout.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_cache_gives_the_same_index_and_reads_only_what_changed(tmp_path):
    root, cache = tmp_path / "set", tmp_path / "cache" / "rows"
    write_shapes(root, train=40, val=0, size=32)
    dataset = open_dataset("shapes", root, "train")
    first = build_index(dataset, tmp_path / "a.parquet", cache=cache)
    assert (first.images, first.reused) == (40, 0)
    again = build_index(dataset, tmp_path / "b.parquet", cache=cache)
    assert (again.images, again.reused) == (40, 40)
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()

    # three more scenes, one changed image, one changed label image, one broken image
    write_shapes(root, train=43, val=0, size=32)
    images = sorted((root / "train2017").iterdir())
    Image.new("RGB", (32, 32)).save(images[4])
    labels = root / "annotations" / "panoptic_train2017" / "000000000008.png"
    Image.new("RGB", (32, 32)).save(labels)
    images[10].write_bytes(b"")
    for _ in range(2):
        fresh = open_dataset("shapes", root, "train")
        cached = build_index(fresh, tmp_path / "c.parquet", cache=cache)
        plain = build_index(fresh, tmp_path / "d.parquet")
        assert (cached.images, cached.quarantined) == (41, 2)
        assert (tmp_path / "c.parquet").read_bytes() == (tmp_path / "d.parquet").read_bytes()
        assert cached.digest == plain.digest != first.digest
    # images that are refused are looked at each time, the other 41 are not
    assert cached.reused == 41

    # the broken image is fixed
    Image.new("RGB", (32, 32)).save(images[10])
    fixed = build_index(open_dataset("shapes", root, "train"), tmp_path / "e.parquet", cache=cache)
    assert (fixed.images, fixed.reused, fixed.quarantined) == (42, 41, 1)


def test_removed_image_and_renamed_class_leave_the_cache(tmp_path):
    root, cache = tmp_path / "set", tmp_path / "rows"
    write_shapes(root, train=8, val=0, size=32)
    build_index(open_dataset("shapes", root, "train"), tmp_path / "a.parquet", cache=cache)
    write_shapes(root, train=6, val=0, size=32)
    smaller = build_index(
        open_dataset("shapes", root, "train"), tmp_path / "b.parquet", cache=cache
    )
    assert (smaller.images, smaller.reused) == (6, 6)
    file = root / "annotations" / "panoptic_train2017.json"
    file.write_text(file.read_text().replace('"name": "ball"', '"name": "sphere"'))
    renamed = build_index(
        open_dataset("shapes", root, "train"), tmp_path / "c.parquet", cache=cache
    )
    assert (renamed.images, renamed.reused) == (6, 0)
    assert "ball" not in {e.class_name for s in read_index(renamed.path) for e in s.entities}


def test_cache_that_is_broken_is_only_slower(tmp_path):
    root, cache = tmp_path / "set", tmp_path / "rows"
    write_shapes(root, train=3, val=0, size=32)
    for content in (b"", b"rubbish", b"PAR1" * 9):
        cache.write_bytes(content)
        dataset = open_dataset("shapes", root, "train")
        assert build_index(dataset, tmp_path / "a.parquet", cache=cache).reused == 0
        assert build_index(dataset, tmp_path / "b.parquet", cache=cache).reused == 3


@pytest.mark.parametrize("by", ["digests", "keys"])
def test_what_is_excluded_leaves_a_row_with_the_reason_alone(shapes, tmp_path, by):
    dataset, cache = open_dataset("shapes", shapes, "train"), tmp_path / "rows"
    scene = next(iter(dataset))
    mark = scene.image_digest if by == "digests" else scene.key
    build_index(dataset, tmp_path / "before.parquet", cache=cache)
    # once from the cache of the build before, once without any
    for cached in (cache, None):
        report = build_index(
            dataset,
            tmp_path / "index.parquet",
            cache=cached,
            excluded=Exclusions(**{by: {mark: "forgotten on a day"}}),
        )
        assert (report.images, report.quarantined) == (57, 2)
        assert report.forgotten == {"forgotten on a day": 1}
        index = ScenesIndex(tmp_path / "index.parquet")
        assert scene.key not in {one.key for one in index}
        (left,) = index.forgotten()
        assert left.reason == "forgotten on a day"
        assert left.file == f"train2017/{scene.image_file.name}"
        (row,) = [row for row in index.rows() if row["status"] == "forgotten"]
        assert not row["entities"]
        assert row["image_digest"] is None
        assert scene_statistics(index).images == 57
    assert RowCache(cache).row(scene.key, dataset.fingerprint(next(dataset.records()))) is None
