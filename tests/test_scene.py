from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from unigs.errors import DataError
from unigs.scene import Entity, Scene, entities_of, labels_mask, measure_labels


def entity(label: int, crowd: bool = False) -> Entity:
    return Entity(label, "ball", 1, True, 0, (0.0, 0.0), str(label), crowd)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.integers(1, 30), st.integers(0, 6))
def test_measures_equal_the_definition(seed, height, width, count):
    segments = np.random.default_rng(seed).integers(0, count + 1, (height, width)).astype(np.int32)
    measures = measure_labels(segments, count)
    areas, centroids, boxes = measures.areas, measures.centroids, measures.boxes
    assert areas.sum() == segments.size
    for label in range(count + 1):
        rows, columns = np.nonzero(segments == label)
        assert areas[label] == len(rows)
        if len(rows):
            assert centroids[label] == pytest.approx((columns.mean(), rows.mean()))
            extent = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            assert boxes[label].tolist() == extent
        else:
            assert boxes[label, 2] <= boxes[label, 0]
            assert np.isnan(centroids[label]).all()


def test_entities_that_a_crop_removed_are_gone_and_the_rest_is_measured():
    segments = np.array([[1, 1, 3], [0, 3, 3]], dtype=np.int32)
    kept = entities_of(segments, [entity(1), entity(2), entity(3)])
    assert [(e.id, e.area, e.centroid) for e in kept] == [
        (1, 2, (0.5, 0.0)),
        (3, 3, (pytest.approx(5 / 3), pytest.approx(2 / 3))),
    ]


def test_labels_beyond_the_map_are_ignored():
    assert not labels_mask(np.zeros((2, 2), np.int32), [7]).any()


def make_scene(folder: Path) -> Scene:
    file = folder / "a.png"
    Image.new("RGB", (3, 2), (1, 2, 3)).save(file)
    segments = np.array([[1, 1, 2], [0, 2, 2]], dtype=np.int32)
    return Scene("a", "shapes", "train", file, segments, (entity(1),), (entity(2, True),), "a", "b")


def test_crowd_and_unlabelled_pixels_are_not_valid(tmp_path):
    scene = make_scene(tmp_path)
    assert scene.valid.tolist() == [[True, True, False], [False, False, False]]
    assert (scene.height, scene.width) == (2, 3)
    assert scene.image().shape == (2, 3, 3)


def test_image_that_changed_its_size_since_is_refused(tmp_path):
    scene = make_scene(tmp_path)
    Image.new("RGB", (4, 4)).save(scene.image_file)
    with pytest.raises(DataError, match=r"a\.png.*4x4.*2x3"):
        scene.image()


def test_a_scene_prints_its_entities_not_its_pixels(tmp_path):
    Image.new("RGB", (40, 20)).save(tmp_path / "a.png")
    segments = np.arange(800, dtype=np.int32).reshape(20, 40) % 12 + 1
    known = tuple(entity(label) for label in range(1, 13))
    scene = Scene("a", "own", "train", tmp_path / "a.png", segments, known, (), "", "")
    assert repr(scene) == f"Scene(own train a, 40x20: {', '.join(['ball'] * 10)}, ...)"
