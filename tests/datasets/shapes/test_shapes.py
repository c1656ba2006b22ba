import hashlib
import json
import multiprocessing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unigs.datasets import open_dataset
from unigs.datasets.shapes.generate import write_shapes
from unigs.datasets.shapes.scene import MIN_SHARE, draw_scene
from unigs.datasets.shapes.things import THINGS
from unigs.errors import DataError, TransientError

THING_NAMES = {kind.name for kind in THINGS}


def digests(root: Path) -> dict[str, str]:
    return {
        file.relative_to(root).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(root.rglob("*"))
        if file.is_file()
    }


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shapes")
    write_shapes(folder, train=12, val=5, seed=3)
    return folder


def test_same_seed_same_bytes_with_one_process_or_two(root, tmp_path):
    write_shapes(tmp_path, train=12, val=5, seed=3, workers=2)
    assert digests(tmp_path) == digests(root)


def test_another_seed_and_another_split_are_other_scenes(root, tmp_path):
    write_shapes(tmp_path, train=5, val=5, seed=4)
    images = [hash_ for name, hash_ in digests(root).items() if name.endswith(".jpg")]
    images += [hash_ for name, hash_ in digests(tmp_path).items() if name.endswith(".jpg")]
    assert len(images) == len(set(images)) == 27


def test_growing_keeps_the_scenes_and_their_times_and_shrinking_removes_them(tmp_path):
    write_shapes(tmp_path, train=3, val=1, size=32)
    before = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.[jp][pn]g")}
    write_shapes(tmp_path, train=5, val=1, size=32)
    assert {file: file.stat().st_mtime_ns for file in before} == before
    assert len(list(tmp_path.rglob("*.jpg"))) == 6
    write_shapes(tmp_path, train=3, val=1, size=32)
    assert set(tmp_path.rglob("*.[jp][pn]g")) == set(before)


def test_reader_finds_what_the_annotation_says(root):
    records = json.loads((root / "annotations" / "panoptic_train2017.json").read_text())
    scenes = list(open_dataset("shapes", root, "train"))
    assert len(scenes) == 12
    for scene, annotation in zip(scenes, records["annotations"], strict=True):
        regions = {region.source_id: region for region in (*scene.entities, *scene.crowd)}
        for info in annotation["segments_info"]:
            region = regions.pop(str(info["id"]))
            rows, columns = np.nonzero(scene.segments == region.id)
            width, height = int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1
            assert info["area"] == region.area == len(rows)
            assert info["bbox"] == [columns.min(), rows.min(), width, height]
            assert info["iscrowd"] == region.crowd
        assert not regions
        assert scene.licence.startswith("CC0")


def test_scenes_are_composed_as_promised():
    crowds = voids = repeated = 0
    scenes = [draw_scene(64, np.random.default_rng([1, index])) for index in range(250)]
    for scene in scenes:
        areas = np.bincount(scene.labels.ravel())
        kinds = [s.kind.name for s in scene.segments if not s.crowd]
        things = [name for name in kinds if name in THING_NAMES]
        assert 1 <= len(things) <= 6
        assert 2 <= len(kinds) - len(things) <= 3
        assert len(set(kinds) - THING_NAMES) == len(kinds) - len(things)
        for segment in scene.segments:
            if segment.kind.name in THING_NAMES and not segment.crowd:
                assert areas[segment.label] >= MIN_SHARE * scene.labels.size
        crowds += any(segment.crowd for segment in scene.segments)
        voids += areas[0] > 0
        repeated += len(set(things)) < len(things)
    assert 3 <= crowds <= 30
    assert 10 <= voids <= 50
    assert repeated >= 75


def test_everything_scales_with_the_size():
    for index in range(20):
        small = draw_scene(64, np.random.default_rng([2, index]))
        large = draw_scene(192, np.random.default_rng([2, index]))
        # the ground is drawn from the same numbers; where things find room depends on whole pixels
        shrunk = np.asarray(Image.fromarray(large.image).resize((64, 64), Image.Resampling.BOX))
        assert large.image.shape == (192, 192, 3)
        grounds = [
            [s.kind.name for s in drawing.segments if s.kind.name not in THING_NAMES]
            for drawing in (small, large)
        ]
        assert grounds[0] == grounds[1]
        assert np.median(np.abs(shrunk.astype(int) - small.image)) < 40


def test_images_of_other_sizes_pass_through_the_reader(tmp_path):
    write_shapes(tmp_path, train=1, val=1, size=100)
    scene = next(iter(open_dataset("shapes", tmp_path, "val")))
    assert scene.image().shape == (100, 100, 3)


def test_a_folder_with_other_data_is_left_alone(tmp_path):
    file = tmp_path / "annotations" / "panoptic_train2017.json"
    file.parent.mkdir()
    for content in ('{"info": {"description": "COCO"}}', "not json", "[]"):
        file.write_text(content)
        with pytest.raises(DataError, match="not written by this generator"):
            write_shapes(tmp_path, train=1, val=1)
        assert file.read_text() == content


@pytest.mark.parametrize(
    "arguments",
    [{"size": 8}, {"size": 10_000}, {"train": -1}, {"seed": -1}, {"workers": 0}],
)
def test_arguments_out_of_range_are_refused(tmp_path, arguments):
    with pytest.raises(DataError):
        write_shapes(tmp_path, **{"train": 1, "val": 1, **arguments})
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="file"):
        write_shapes(tmp_path / "file", train=1, val=0)


def test_a_killed_process_is_said_and_the_next_call_finishes(tmp_path):
    def kill_one(count):
        multiprocessing.active_children()[0].kill()

    with pytest.raises(TransientError, match="one of the processes was killed"):
        write_shapes(tmp_path, train=200, val=0, workers=2, progress=kill_one)
    assert not multiprocessing.active_children()
    write_shapes(tmp_path, train=200, val=0, workers=2)
    assert len(list((tmp_path / "train2017").iterdir())) == 200
