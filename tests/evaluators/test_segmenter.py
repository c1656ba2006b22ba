import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.support.evaluation.evaluated_shards import SIDE, scenes
from unigs.errors import ModelError
from unigs.evaluators.bundle import load_evaluators
from unigs.evaluators.scene_arrays import gather
from unigs.evaluators.segmenter import Segmenter, split_classes
from unigs.evaluators.segmenter_training import SegmenterOptions, train_segmenter

OPTIONS = SegmenterOptions(size=SIDE, width=8, steps=40, batch=8, learning_rate=1e-2)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    return scenes(tmp_path_factory.mktemp("scenes"), 24)


@pytest.fixture(scope="module")
def segmenter(drawn):
    return train_segmenter(drawn, OPTIONS)


def test_it_learns_classes(segmenter):
    assert segmenter.accuracy["pixel"] > 0.8
    assert segmenter.accuracy["class_miou"] > 0.4


def test_training_is_reproducible(drawn, segmenter):
    images = np.stack([scene.image() for scene in drawn[:3]])
    again = train_segmenter(drawn, OPTIONS)
    assert np.array_equal(again.classify(images), segmenter.classify(images))


def test_saving_preserves_the_predictions(tmp_path, drawn, segmenter):
    segmenter.save(tmp_path / "evaluator", "shapes-segmenter")
    loaded = load_evaluators(segmenter=tmp_path / "evaluator").segmenter
    assert loaded.name == segmenter.name
    assert loaded.name.startswith("shapes-segmenter.")
    assert loaded.accuracy == segmenter.accuracy
    images = [scene.image() for scene in drawn[:3]]
    for a, b in zip(segmenter.segment(images), loaded.segment(images), strict=True):
        assert np.array_equal(a.segments, b.segments)
        assert a.classes == b.classes


def test_any_size_is_segmented(segmenter):
    image = np.zeros((1, 13, 21, 3), np.uint8)
    assert segmenter.classify(image).shape == (1, 13, 21)


@given(arrays(np.int64, (6, 7), elements=st.integers(0, 3)))
def test_segments_are_the_class_map_cut_up(classes):
    names = ("ball", "sky", "star")
    prediction = split_classes(classes, names, frozenset({"ball", "star"}))
    labels = np.unique(prediction.segments[prediction.segments > 0]).tolist()
    assert labels == sorted(prediction.classes) == list(range(1, len(labels) + 1))
    for label, name in prediction.classes.items():
        assert (classes[prediction.segments == label] == names.index(name) + 1).all()
    assert ((prediction.segments > 0) == (classes > 0)).all()
    assert list(prediction.classes.values()).count("sky") <= 1


def test_scenes_become_arrays(drawn):
    arrays_ = gather(drawn, 16, limit=5)
    assert arrays_.images.shape == (5, 16, 16, 3)
    assert arrays_.classes.max() <= len(arrays_.names)
    assert ((arrays_.segments > 0) == (arrays_.classes > 0)).all()
    fit, held_out = arrays_.split(0.3)
    assert (len(fit.images), len(held_out.images)) == (3, 2)
    assert np.array_equal(held_out.images, arrays_.images[3:])


def test_folders_that_are_no_segmenter_are_named(tmp_path, segmenter):
    segmenter.save(tmp_path / "evaluator", "shapes-segmenter")
    (tmp_path / "evaluator" / "config.json").write_text(
        '{"names": ["a"], "things": [], "width": 8}'
    )
    with pytest.raises(ModelError, match="evaluator: not a segmenter"):
        Segmenter.load(tmp_path / "evaluator")
    (tmp_path / "evaluator" / "evaluator.json").write_text("{")
    with pytest.raises(ModelError, match=r"evaluator\.json"):
        Segmenter.load(tmp_path / "evaluator")
    (tmp_path / "evaluator" / "model.safetensors").write_bytes(b"broken")
    with pytest.raises(ModelError, match=r"model\.safetensors: cut short or damaged"):
        Segmenter.load(tmp_path / "evaluator")
