"""From foreign segments to predictions: what a task asks for, and masks made disjoint."""

import numpy as np
import pytest

from unigs.competitors.masks import asked_names, painted, prediction_of


def test_the_higher_score_owns_a_pixel_and_of_equals_the_first():
    masks = np.zeros((4, 2, 6), bool)
    masks[0, :, :4] = True
    masks[1, :, 2:] = True
    masks[2, 0] = True
    masks[3, 0, :1] = True
    segments, scores = painted(list(masks), [0.5, 0.9, 0.5, 0.1], (2, 6))
    assert segments.tolist() == [[1, 1, 2, 2, 2, 2], [1, 1, 2, 2, 2, 2]]
    assert scores == {1: 0.5, 2: 0.9, 3: 0.5, 4: 0.1}
    nothing, none = painted([], [], (2, 3))
    assert nothing.shape == (2, 3)
    assert not nothing.any()
    assert none == {}


def test_entity_takes_all_segments_and_numbers_them(drawn):
    (sample,) = drawn("entity", 1)
    segments = np.full(sample.segments.shape, -1)
    segments[:8] = 16_000_000
    segments[8:16] = 7
    found = prediction_of(sample, segments, {7: 0.25}, {7: "disc"})
    assert found.image is None
    assert found.segments.dtype == np.int32
    assert np.unique(found.segments[:8]).tolist() == [2]
    assert np.unique(found.segments[8:16]).tolist() == [1]
    assert not found.segments[16:].any()
    assert found.scores == {1: 0.25, 2: 1.0}


def test_referring_takes_the_classes_of_the_prompt_within_the_coarse_mask(drawn):
    for sample in drawn("referring", 4, negative_probability=0.5):
        asked = asked_names(sample)
        assert all(name in sample.prompt for name in asked)
        assert set(sample.absent) <= asked
        name = sorted(asked)[0]
        segments = np.ones(sample.segments.shape, int)
        segments[:, ::2] = 2
        found = prediction_of(sample, segments, {1: 0.5, 2: 0.75}, {1: name, 2: "none of them"})
        expected = (segments == 1) & sample.coarse_mask
        assert np.array_equal(found.segments == 1, expected)
        assert found.segments.max() <= 1
        assert found.scores == ({1: 0.5} if expected.any() else {})
        # without classes all that lies in the coarse mask
        found = prediction_of(sample, segments, {}, None)
        assert np.array_equal(found.segments > 0, sample.coarse_mask)


@pytest.mark.parametrize("task", ["entity", "referring"])
def test_the_truth_as_segments_is_the_target_as_far_as_the_coarse_mask_goes(drawn, task):
    for sample in drawn(task, 4):
        target = np.where(sample.coarse_mask, sample.segments, 0)
        classes = {5 * entity.id: entity.class_name for entity in sample.entities}
        found = prediction_of(sample, sample.segments * 5, {}, classes)
        assert np.array_equal(found.segments > 0, target > 0)
        both = np.stack([found.segments.ravel(), target.ravel()], 1)
        assert len(np.unique(both, axis=0)) == len(np.unique(target))
