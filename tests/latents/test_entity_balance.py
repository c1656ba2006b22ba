"""Small entities weigh more, nothing weighs one."""

import numpy as np

from unigs.latents.entity_balance import LARGE_SHARE, MOST, entity_balance


def test_weights_grow_as_area_shrinks_between_their_bounds():
    segments = np.zeros((100, 100), dtype=np.int32)
    segments[:50] = 1
    segments[50:, :10] = 2
    segments[60, 60] = 3
    weights = entity_balance(segments)
    assert weights.dtype == np.float32
    assert weights[99, 99] == weights[0, 0] == 1
    assert np.isclose(weights[60, 0], LARGE_SHARE / 0.05)
    assert weights[60, 60] == MOST


def test_an_empty_map_weighs_one_everywhere():
    assert (entity_balance(np.zeros((4, 4), dtype=np.int32)) == 1).all()
