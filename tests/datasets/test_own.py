"""A data set of one's own, from a folder or from Python, without registering anything."""

import numpy as np
import pytest
from PIL import Image

from unigs.colormap import Palette
from unigs.datasets.own import open_folder, scene_of
from unigs.datasets.shapes.generate import write_shapes
from unigs.errors import DataError
from unigs.samples.options import SampleOptions
from unigs.shards.build import build_shards


def test_a_folder_is_read_in_the_layout_it_has(tmp_path):
    write_shapes(tmp_path, train=2, val=1, size=32)
    found = open_folder(tmp_path, "train", "mine")
    scenes = list(found)
    assert len(scenes) == 2
    assert {scene.dataset for scene in scenes} == {"mine"}
    with pytest.raises(DataError, match=r"no annotations of the split test .*annotations/"):
        open_folder(tmp_path, "test")


def test_an_iterator_of_scenes_becomes_shards(tmp_path):
    def scenes():
        for number in range(3):
            file = tmp_path / f"{number}.png"
            Image.fromarray(np.full((32, 32, 3), 80 * number, np.uint8)).save(file)
            labels = np.zeros((32, 32), np.int32)
            labels[4:20, 4:20], labels[24:, 8:] = 1, 2
            yield scene_of(file, labels, {1: "dog", 2: "grass"})

    options = SampleOptions(Palette(5), ("dog", "grass"), size=32)
    manifest = build_shards(scenes(), "entity", options, tmp_path / "shards", shards=1)
    assert manifest.samples == 3


def test_a_scene_is_made_of_a_file_and_its_labels(tmp_path):
    file = tmp_path / "my photo.png"
    Image.new("RGB", (6, 4)).save(file)
    labels = np.zeros((4, 6), np.int64)
    labels[0, :3], labels[2], labels[3, 5] = 40, 7, 9
    scene = scene_of(file, labels, {7: "sky", 40: "dog", 1: "cat"})
    assert scene.key == "my-photo"
    assert [(one.id, one.class_name, one.area, one.source_id) for one in scene.entities] == [
        (1, "sky", 6, "7"),
        (2, "dog", 3, "40"),
    ]
    assert scene.segments.dtype == np.int32
    assert scene.segments[3, 5] == 0
    other = scene_of(file, labels, {7: "sea", 40: "dog"})
    assert other.image_digest == scene.image_digest
    assert other.digest != scene.digest
    with pytest.raises(DataError, match="expected 5x6"):
        scene_of(file, np.zeros((5, 6), int), {})


def test_photographs_whose_names_a_key_does_not_take_stay_apart(tmp_path):
    scenes = []
    for name in ("東京.png", "京都.png", "x" * 200 + ".png"):
        Image.new("RGB", (6, 4)).save(tmp_path / name)
        scenes.append(scene_of(tmp_path / name, np.ones((4, 6), int), {1: "town"}))
    assert len({scene.key for scene in scenes}) == 3
    assert all(len(scene.key) <= 87 for scene in scenes)
    assert [scene.file_name for scene in scenes[:2]] == ["東京.png", "京都.png"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"segments": np.ones((4, 6))}, r"labels of shape \(4, 6\) and type float64"),
        ({"segments": np.ones((4, 6, 3), int)}, r"labels of shape \(4, 6, 3\)"),
        ({"segments": np.ones(6, int)}, r"labels of shape \(6,\)"),
        ({"segments": np.ones((6, 4), int)}, "image is 4x6, expected 6x4.*upright"),
        ({"names": {1: 3}}, "name 3 of label 1"),
        ({"names": {1: " "}}, "name ' ' of label 1"),
        ({"key": "a/b"}, "key 'a/b'"),
        ({"key": "k" * 88}, "key 'kkk.*up to 87"),
    ],
)
def test_what_makes_no_scene_is_named(tmp_path, change, message):
    file = tmp_path / "photo.png"
    Image.new("RGB", (6, 4)).save(file)
    given = {"segments": np.ones((4, 6), int), "names": {1: "dog"}} | change
    with pytest.raises(DataError, match=rf"photo\.png: {message}"):
        scene_of(file, **given)
