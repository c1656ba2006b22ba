"""Drawn segments are what the codec takes, and as varied as they claim."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from unigs.colormap.restorer.drawn_segments import MOST, draw_segments


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([32, 64, 96]))
def test_labels_are_dense_and_the_draw_is_the_seeds(seed, size):
    segments = draw_segments(np.random.default_rng(seed), size)
    assert segments.shape == (size, size)
    assert segments.dtype == np.int32
    labels = np.unique(segments[segments > 0])
    assert len(labels) <= MOST
    assert labels.tolist() == list(range(1, len(labels) + 1))
    assert (segments == draw_segments(np.random.default_rng(seed), size)).all()


def test_there_are_small_and_large_entities_few_and_many_and_images_without_gaps():
    drawn = [draw_segments(np.random.default_rng(seed)) for seed in range(40)]
    areas = np.concatenate([np.bincount(one.ravel())[1:] for one in drawn])
    counts = np.array([one.max() for one in drawn])
    assert (areas < 100).mean() > 0.1
    assert (areas > 3000).mean() > 0.1
    assert counts.min() < 6
    assert counts.max() > 20
    assert any((one > 0).all() for one in drawn)
    assert sum((one == 0).any() for one in drawn) > 20
