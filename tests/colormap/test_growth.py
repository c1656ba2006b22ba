"""Small entities are painted larger, at the cost of nothing small."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unigs.colormap import Palette
from unigs.colormap.growth import GIVERS, grow_small
from unigs.colormap.regions import find_regions
from unigs.colormap.restorer.drawn_segments import draw_segments


def areas_of(compact):
    return np.bincount(compact.ravel())


def grow_all(regions, smallest):
    return grow_small(regions, smallest, np.ones(len(regions.labels), bool))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 16, 48, 100]))
def test_only_small_entities_grow_and_only_large_ones_and_nothing_give(seed, smallest):
    regions = find_regions(draw_segments(np.random.default_rng(seed), 96))
    grown = grow_all(regions, smallest)
    before, after = areas_of(regions.compact), areas_of(grown)
    small = np.flatnonzero(before < smallest)
    small = small[small > 0]
    for label in small:
        assert (grown[regions.compact == label] == label).all()
    for label in np.flatnonzero(before >= smallest):
        if label and before[label] < GIVERS * smallest:
            assert ((grown == label) == (regions.compact == label)).all()
    changed = np.unique(grown[grown != regions.compact])
    assert set(changed) <= set(small)
    assert (after[small] >= before[small]).all()


def test_a_lone_small_entity_gets_its_size_and_stays_where_it_is():
    segments = np.zeros((64, 64), np.int32)
    segments[30:32, 40:45] = 7
    grown = grow_all(find_regions(segments), 64)
    assert 64 <= (grown == 1).sum() <= 80
    rows, columns = np.nonzero(grown == 1)
    assert (rows.mean(), columns.mean()) == (30.5, 42)


def test_growth_commutes_with_flips_where_nothing_meets():
    segments = np.zeros((64, 96), np.int32)
    segments[5:9, 5:8], segments[40:41, 50:57], segments[20:60, 70:] = 1, 2, 3
    palette = Palette(1, smallest=50)
    painted = palette.encode(segments) > 0
    for axis in (0, 1):
        assert ((palette.encode(np.flip(segments, axis)) > 0) == np.flip(painted, axis)).all()


def test_a_palette_that_grows_has_a_name_of_its_own_and_the_same_colours():
    palette = Palette(11, "linear", "share", smallest=48)
    assert palette.name == "linear-11-v1-share-grow48"
    assert Palette.from_name(palette.name) == palette
    assert Palette(smallest=64).name == "smooth-11-v1-grow64"
    assert Palette.from_name("smooth-11-v1-grow64") == Palette(smallest=64)
    with pytest.raises(ValueError, match="smallest must be a number of pixels, not -1"):
        Palette(smallest=-1)
    segments = draw_segments(np.random.default_rng(3), 128)
    plain, grown = (Palette(11, smallest=size).encode(segments) for size in (0, 48))
    assert (plain != grown).any()
    assert {tuple(color) for color in grown.reshape(-1, 3)} == {
        tuple(color) for color in plain.reshape(-1, 3)
    }


def test_a_dropped_entity_does_not_blacken_its_neighbours():
    segments = np.full((64, 64), 1, np.int32)
    segments[30:33, 30:33] = 2
    palette = Palette(1, collision="drop", smallest=48)
    assert ((palette.encode(segments) == 0).all(axis=2) == (segments == 2)).all()
    shared = Palette(1, collision="share", smallest=48)
    assert (shared.encode(segments) > 0).any(axis=2).all()
