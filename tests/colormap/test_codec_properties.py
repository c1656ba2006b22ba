"""What must hold of encoder and decoder together, whatever the segments."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from tests.colormap.test_palette import random_segments
from tests.colormap.test_regions import rectangles, same_partition
from unigs.colormap import Palette, decode
from unigs.colormap.clustering.dichotomy import dichotomy

SEEDS = st.integers(0, 2**32 - 1)


@settings(max_examples=60, deadline=None)
@given(SEEDS, st.integers(1, 8), st.floats(1, 60))
def test_pdm_gives_back_what_every_split_keeps(seed: int, count: int, delta: float) -> None:
    """Identity for PDM: a node that joins entities has a mean distance of 2p(1-p)d at least, where
    p and 1-p are its two sides and d their distance; above delta all of these part."""
    palette = Palette(5)
    segments = random_segments(seed, 48, 40, count)
    colormap = palette.encode(segments)
    tree = dichotomy(colormap, delta, bits=8).tree
    assume(all(len(split.members) == 1 for split in tree if split.leaf))
    for split in tree:
        assert split.leaf or split.distance >= delta
    found = decode(colormap, "pdm", palette, delta=delta, min_area=0.0, bits=8)
    assert same_partition(segments, found.segments)


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.integers(1, 5), st.sampled_from([2.0, 5.0]))
def test_pdm_is_the_identity_on_large_far_entities(seed: int, count: int, delta: float) -> None:
    """The same without a look at the tree: with shares of at least p and colours at least d apart,
    every pair has 2p(1-p)d above delta."""
    palette = Palette(4, "contrast")
    segments = random_segments(seed, 48, 40, count)
    colormap = palette.encode(segments)
    colors, pixels = np.unique(colormap.reshape(-1, 3), axis=0, return_counts=True)
    assume(len(colors) > 1)
    away = np.linalg.norm(colors[:, None].astype(float) - colors, axis=2)
    share = pixels.min() / pixels.sum()
    assume(2 * share * (1 - share) * away[away > 0].min() > delta)
    found = decode(colormap, "pdm", palette, delta=delta, min_area=0.0)
    assert same_partition(segments, found.segments)


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.integers(8, 80), st.integers(1, 20), st.sampled_from(["regions", "pdm"]))
def test_numbers_of_entities_do_not_matter(seed: int, size: int, count: int, decoder: str) -> None:
    rng = np.random.default_rng(seed)
    segments = rectangles(seed, size, count)
    table = np.concatenate([[0], 1 + rng.permutation(count)]).astype(np.int32)
    palette = Palette()
    first, second = (
        decode(palette.encode(one), decoder, palette) for one in (segments, table[segments])
    )
    assert np.array_equal(first.segments, second.segments)
    assert np.array_equal(first.scores, second.scores)


def on_an_edge(segments: np.ndarray, grid: int) -> bool:
    """Whether a centre of mass lies on the edge of two cells, or two areas are equal: there a flip
    may choose the other cell, or another entity first."""
    placement = Palette(grid).place(segments)
    height, width = segments.shape
    place = (placement.regions.centroids + 0.5) * grid / np.array([width, height])
    tie = len(np.unique(placement.regions.areas)) < len(placement.regions.areas)
    return tie or bool((np.abs(place - np.round(place)) < 1e-9).any())


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.integers(1, 8), st.sampled_from([0, 1]), st.sampled_from([np.uint8, np.int64]))
def test_flips_commute_with_the_codec(seed: int, count: int, axis: int, dtype: type) -> None:
    """Decoding the flipped segments' own colormap gives the flipped entities."""
    palette = Palette()
    segments = rectangles(seed, 64, count).astype(dtype)
    assume(not on_an_edge(segments, palette.grid))
    flipped = np.ascontiguousarray(np.flip(segments, axis))
    straight = decode(palette.encode(segments), palette=palette).segments
    mirrored = decode(palette.encode(flipped), palette=palette).segments
    assert same_partition(np.flip(straight, axis), mirrored)


@settings(max_examples=40, deadline=None)
@given(
    SEEDS,
    st.sampled_from([np.bool_, np.uint8, np.uint16, np.int16, np.int32, np.int64, np.uint64]),
    st.tuples(st.integers(0, 33), st.integers(0, 33)),
    st.sampled_from(["regions", "pdm", "nearest", "kmeans"]),
    st.booleans(),
)
@example(0, np.bool_, (0, 0), "nearest", False)
def test_every_type_and_shape_goes_round(
    seed: int, dtype: type, shape: tuple[int, int], decoder: str, background: bool
) -> None:
    segments = np.random.default_rng(seed).integers(0, 9, shape).astype(dtype)
    palette = Palette()
    found = decode(palette.encode(segments), decoder, palette, background)
    assert found.segments.shape == shape
    assert found.segments.dtype == np.int32
    assert found.segments.max(initial=0) == len(found.scores)
    assert np.isfinite(found.scores).all()


@pytest.mark.parametrize("decoder", ["regions", "pdm", "nearest", "kmeans"])
def test_masks_that_overlap_go_round(decoder: str) -> None:
    masks = np.zeros((2, 40, 40), bool)
    masks[0, 4:36, 4:36] = masks[1, 14:34, 14:34] = True
    palette = Palette()
    found = decode(
        palette.encode(masks), decoder, palette, **({"clusters": 3} if decoder == "kmeans" else {})
    )
    assert len(found.scores) == 2
    assert same_partition(np.where(masks[1], 2, masks[0]).astype(np.int32), found.segments)
