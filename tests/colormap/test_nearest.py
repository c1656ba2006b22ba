"""Nearest palette colour: exact on clean colormaps, steady under small noise."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unigs.colormap import Palette, decode

PALETTE = Palette(grid=5, order="smooth")


def bands(edges):
    segments = np.zeros((32, 32), dtype=np.int32)
    for label, (start, stop) in enumerate(itertools.pairwise(edges), start=1):
        segments[start:stop] = label
    return segments


@settings(max_examples=30)
@given(
    edges=st.lists(st.sampled_from(range(0, 33, 4)), min_size=3, max_size=5, unique=True).map(
        sorted
    ),
    noise=st.sampled_from([0, 15]),
    seed=st.integers(0, 1000),
)
def test_round_trip(edges, noise, seed):
    segments = bands(edges)
    jitter = np.random.default_rng(seed).integers(-noise, noise + 1, (32, 32, 3))
    colormap = np.clip(PALETTE.encode(segments) + jitter, 0, 255).astype(np.uint8)
    found = decode(colormap, decoder="nearest", palette=PALETTE)
    for label in range(1, segments.max() + 1):
        inside = found.segments[segments == label]
        assert (inside == inside[0]).all()
        assert inside[0] > 0
    assert (found.segments[segments == 0] == 0).all()
    assert len(found.scores) == segments.max()
    assert ((found.scores > 0.5) & (found.scores <= 1)).all()


def test_small_colours_go_to_their_neighbour_and_labels_run_by_area():
    segments = np.ones((32, 32), dtype=np.int32)
    segments[:8] = 2
    colormap = PALETTE.encode(segments)
    colormap[31, 31] = PALETTE.colors[0]
    found = decode(colormap, decoder="nearest", palette=PALETTE, background=False)
    assert len(found.scores) == 2
    assert found.segments[31, 31] > 0
    assert np.bincount(found.segments.ravel()).tolist()[0] == 0
    assert (found.segments[8:, :31] == 1).all()
    assert (found.segments[:8] == 2).all()


def test_it_needs_a_palette():
    with pytest.raises(ValueError, match="palette"):
        decode(np.zeros((4, 4, 3), dtype=np.uint8), decoder="nearest")


def test_an_empty_colormap_has_no_entities():
    found = decode(np.zeros((8, 8, 3), dtype=np.uint8), decoder="nearest", palette=PALETTE)
    assert len(found.scores) == 0
    assert not found.segments.any()


def test_a_colour_between_two_entities_is_no_third():
    """A blurred edge passes a colour of the palette that nothing here has."""
    palette = Palette(grid=5, order="linear")
    ends = palette.colors[[10, 12]].astype(float)
    share = np.clip((np.arange(80) - 31) / 2, 0, 1)[None, :, None]
    colormap = np.broadcast_to(ends[0] + share * (ends[1] - ends[0]), (64, 80, 3)).astype(np.uint8)
    found = decode(colormap, decoder="nearest", palette=palette, background=False)
    assert len(found.scores) == 2
    assert len(np.unique(found.segments[:, :30])) == 1
    assert len(np.unique(found.segments[:, 34:])) == 1


@pytest.mark.parametrize(("side", "kept"), [(6, 1), (10, 2)])
def test_min_area_counts_at_one_level(side, kept):
    palette = Palette(grid=5, order="linear")
    colormap = np.broadcast_to(palette.colors[11], (64, 64, 3)).copy()
    colormap[:side, :side] = palette.colors[12]
    found = decode(colormap, decoder="nearest", palette=palette, background=False)
    assert len(found.scores) == kept
