"""Fusing two readings: the surer one wins, nothing is painted twice."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from unigs.colormap.decoded import Decoded
from unigs.colormap.restorer.drawn_segments import draw_segments
from unigs.colormap.restorer.fusion import fuse


def reading(segments, scores):
    return Decoded(np.asarray(segments, np.int32), np.asarray(scores, np.float32))


def drawn(seed, size=48):
    segments = draw_segments(np.random.default_rng(seed), size)
    areas = np.bincount(segments.ravel())[1:]
    table = np.zeros(len(areas) + 1, np.int32)
    table[np.argsort(-areas, kind="stable") + 1] = np.arange(1, len(areas) + 1)
    scores = np.random.default_rng([seed, 1]).uniform(0, 1, len(areas))
    return reading(table[segments], scores)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_a_reading_fused_with_itself_or_with_nothing_stays(seed):
    one = drawn(seed)
    nothing = reading(np.zeros_like(one.segments), [])
    for other in (one, nothing):
        found = fuse(one, other)
        # Entities of one size may change places.
        before = np.concatenate([[0], one.scores])[one.segments]
        assert (np.concatenate([[0], found.scores])[found.segments] == before).all()
        assert len(found.scores) == len(one.scores)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**31), st.integers(0, 2**31))
def test_the_result_is_a_reading_of_entities_that_were_there(seed, other):
    one, two = drawn(seed), drawn(other)
    found = fuse(one, two)
    areas = np.bincount(found.segments.ravel(), minlength=1)[1:]
    assert len(areas) == len(found.scores)
    assert (areas > 0).all()
    assert (np.diff(areas) <= 0).all()
    assert set(found.scores) <= {*one.scores, *two.scores}
    assert not (found.segments[(one.segments == 0) & (two.segments == 0)]).any()


def test_of_two_versions_the_surer_and_of_strangers_both():
    one, two = np.zeros((2, 10, 20), np.int32)
    one[1:5, 1:9] = 1
    two[1:5, 1:10] = 1
    two[6:9, 12:15] = 2
    found = fuse(reading(one, [0.9]), reading(two, [0.4, 0.3]))
    assert ((found.segments == 1) == (one == 1)).all()
    assert ((found.segments == 2) == (two == 2)).all()
    assert found.scores.tolist() == np.float32([0.9, 0.3]).tolist()
    turned = fuse(reading(one, [0.2]), reading(two, [0.4, 0.3]))
    assert (turned.segments == two).all()


def test_what_is_left_of_a_refused_entity_goes_to_the_one_it_overlaps():
    one, two = np.ones((2, 8, 12), np.int32)
    one[:, 6:] = 2
    two[:, 8:] = 2
    found = fuse(reading(one, [0.9, 0.1]), reading(two, [0.2, 0.8]))
    # Columns 6 and 7 belong to refused entities alone.
    assert (found.segments > 0).all()
    assert len(found.scores) == 2
