"""The dichotomy against a plain recursion with scikit-learn, and its rules one by one."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans

from tests.colormap.test_palette import random_segments
from unigs.colormap import Palette, decode
from unigs.colormap.bins import bin_colors
from unigs.colormap.clustering.dichotomy import decode_dichotomy, dichotomy
from unigs.colormap.clustering.two_means import partition, scratch_of, sums_of, two_means, two_seeds
from unigs.colormap.color import pixel_features, rgb_to_lab
from unigs.colormap.decoded import softmax_scores


def noisy_colormap(seed: int, size: int = 48, count: int = 6, sigma: float = 2) -> np.ndarray:
    rng = np.random.default_rng(seed)
    colormap = Palette(11).encode(random_segments(seed, size, size, count)).astype(float)
    colormap = gaussian_filter(colormap, (0.8, 0.8, 0)) + rng.normal(0, sigma, colormap.shape)
    return np.clip(np.round(colormap), 0, 255).astype(np.uint8)


compiled_seeds = numba.njit(two_seeds)


def seeds_of(points: np.ndarray) -> np.ndarray:
    """The two seeds of points (6, k) of equal weight."""
    work, first, second, _, _, weighted, _ = scratch_of(points.shape[1])
    weights = np.ones(points.shape[1])
    sums = np.append(points.sum(1), points.shape[1])
    compiled_seeds(points, weights, 0, len(weights), sums, weighted, work, first, second)
    return np.array([first, second])


def reference(pixels: np.ndarray, delta: float, squared: bool) -> np.ndarray:
    """Equations 6 and 7 on unbinned pixels, as one would write them with scikit-learn."""
    features = pixel_features(pixels.reshape(-1, 3))
    labels = np.zeros(len(features), int)
    count = 0
    stack = [np.arange(len(features))]
    while stack:
        members = stack.pop()
        points = features[members]
        square = ((points - points.mean(0)) ** 2).sum(1)
        far = square.mean() if squared else np.sqrt(square).mean()
        if far < delta or len(np.unique(points, axis=0)) == 1:
            labels[members] = count
            count += 1
            continue
        side = KMeans(2, init=seeds_of(points.T.copy()), n_init=1, tol=0).fit_predict(points)
        stack += [members[side == 1], members[side == 0]]
    return labels.reshape(pixels.shape[:2])


def matched_iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    table = np.zeros((a.max() + 1, b.max() + 1))
    np.add.at(table, (a.ravel(), b.ravel()), 1)
    iou = table / (table.sum(1)[:, None] + table.sum(0)[None] - table)
    rows, columns = linear_sum_assignment(iou, maximize=True)
    found = np.zeros(len(table))
    found[rows] = iou[rows, columns]
    return found


@pytest.mark.parametrize("criterion", ["l2", "squared"])
@pytest.mark.parametrize("seed", range(2))
def test_same_masks_as_scikit_learn_on_unbinned_pixels(seed: int, criterion: str) -> None:
    colormap = noisy_colormap(seed)
    delta = 10.0 if criterion == "l2" else 300.0
    expected = reference(colormap, delta, criterion == "squared")
    clusters = dichotomy(colormap, delta, criterion, bits=8)
    found = clusters.assignment[clusters.bins.index]
    assert (matched_iou(expected, found) >= 0.99).mean() >= 0.95


def test_binned_colours_give_the_same_large_clusters() -> None:
    colormap = noisy_colormap(7, 96, 8)
    exact = dichotomy(colormap, 20, bits=8)
    binned = dichotomy(colormap, 20, bits=6)
    exact_map, binned_map = (c.assignment[c.bins.index] for c in (exact, binned))
    large = np.bincount(exact_map.ravel()) > 0.01 * exact_map.size
    assert np.median(matched_iou(exact_map, binned_map)[large]) > 0.97


def two_colours(share: float) -> tuple[np.ndarray, float]:
    colors = np.array([[192, 64, 64], [128, 64, 64]], np.uint8)
    colormap = np.empty((50, 40, 3), np.uint8)
    colormap[:] = colors[0]
    colormap.reshape(-1, 3)[: int(share * 2000)] = colors[1]
    features = pixel_features(colors)
    return colormap, float(np.linalg.norm(features[0] - features[1]))


@settings(max_examples=60, deadline=None)
@given(st.floats(0.01, 0.5), st.floats(1, 60))
def test_a_pair_splits_exactly_where_2p_1_minus_p_d_reaches_delta(
    share: float, delta: float
) -> None:
    colormap, distance = two_colours(share)
    p = int(share * 2000) / 2000
    mean_distance = 2 * p * (1 - p) * distance
    if abs(mean_distance - delta) < 1e-6:
        return
    assert dichotomy(colormap, delta).assignment.max() == int(mean_distance > delta)


def test_nearest_palette_colours_merge_at_50_and_not_at_20() -> None:
    """The reading behind Table 9a: the norm in equation 7 is not squared."""
    colormap, distance = two_colours(0.5)
    assert 60 < distance < 80
    assert len(decode_dichotomy(colormap, delta=20).scores) == 2
    assert len(decode_dichotomy(colormap, delta=50).scores) == 1
    assert len(decode_dichotomy(colormap, delta=50, criterion="squared").scores) == 2


def test_tree_is_depth_first_and_splits_its_members() -> None:
    clusters = dichotomy(noisy_colormap(3))
    tree = clusters.tree
    assert tree[0].parent == -1
    assert len(tree[0].members) == len(clusters.bins.counts)
    for node, split in enumerate(tree):
        children = [s for s in tree if s.parent == node]
        assert len(children) == (0 if split.leaf else 2)
        assert split.parent < node
        if children:
            joined = np.concatenate([child.members for child in children])
            assert sorted(joined.tolist()) == sorted(split.members.tolist())
            assert tree[node + 1].parent == node
        else:
            assert split.distance < 10


def test_the_tree_waits_until_it_is_asked_for_and_is_made_once() -> None:
    clusters = dichotomy(noisy_colormap(3))
    assert "tree" not in vars(clusters)
    assert clusters.tree is clusters.tree
    assert dichotomy(np.zeros((0, 4, 3), np.uint8)).tree == ()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 80), st.integers(0, 9))
def test_two_means_of_a_slice_are_where_scikit_learn_finds_them(
    seed: int, size: int, before: int
) -> None:
    """Sides, sums and partition; what lies outside the slice stays as it is."""
    rng = np.random.default_rng(seed)
    points, weights = rng.uniform(0, 255, (6, before + size + 3)), rng.uniform(1, 99, 12 + size)
    weights = np.round(weights[: points.shape[1]])
    start, stop, order = before, before + size, np.arange(points.shape[1])
    original = points.copy()
    work, first, second, sums, far, weighted, marks = scratch_of(points.shape[1])
    sums_of(points, weights, start, stop, sums)
    two_seeds(points, weights, start, stop, sums, weighted, work, first, second)
    means = KMeans(2, init=np.array([first, second]), n_init=1, tol=0)
    two_means(points, weights, sums, start, stop, first, second, marks, far)
    side = marks[start:stop]
    members, weight = original[:, start:stop], weights[start:stop]
    assert far == pytest.approx(np.append((members * weight)[:, side].sum(1), weight[side].sum()))
    assert np.array_equal(side, means.fit_predict(members.T, sample_weight=weight) == 1)
    middle = partition(points, weights, order, start, stop, marks)
    assert np.array_equal(points, original[:, order])
    assert set(order[middle:stop] - start) == set(np.flatnonzero(side))
    assert np.array_equal(np.delete(order, np.s_[start:stop]), np.r_[:start, stop : len(order)])


def test_equal_points_have_equal_seeds_and_stay_together() -> None:
    points, weights = np.full((6, 4), 8.0), np.ones(4)
    first, second = seeds_of(points)
    assert first.tolist() == second.tolist() == [8.0] * 6
    sums, side, far = np.append(points.sum(1), 4.0), np.ones(4, np.bool_), np.empty(7)
    two_means(points, weights, sums, 0, 4, first, second, side, far)
    assert not side.any()


def test_background_follows_the_task() -> None:
    segments = np.zeros((40, 40), np.int32)
    segments[10:30, 10:30] = 1
    colormap = Palette().encode(segments)
    assert len(decode(colormap, "pdm").scores) == 1
    assert len(decode(colormap, "pdm", background=False).scores) == 2


def test_small_leaves_join_the_nearest_colour() -> None:
    colormap = np.full((100, 100, 3), (255, 0, 0), np.uint8)
    colormap[:50] = (0, 255, 0)
    colormap[60, :4] = (255, 64, 0)
    found = decode_dichotomy(colormap, delta=0.01, min_area=0.001)
    assert len(found.scores) == 2
    assert (found.segments[60] == found.segments[70]).all()
    assert len(decode_dichotomy(colormap, delta=0.01, min_area=0).scores) == 3


@pytest.mark.parametrize("features", ["rgb", "lab", "rgb+lab"])
def test_every_feature_separates_far_colours(features: str) -> None:
    segments = random_segments(1, 60, 60, 3)
    colormap = Palette(2, "contrast").encode(segments)
    found = decode(colormap, "pdm", features=features)
    assert (matched_iou(segments, found.segments)[1:] > 0.99).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 24), st.integers(0, 24), st.integers(1, 8))
def test_any_colormap_is_decoded(seed: int, height: int, width: int, bits: int) -> None:
    colormap = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    found = decode(colormap, "pdm", bits=bits)
    assert found.segments.shape == (height, width)
    assert found.segments.max(initial=0) == len(found.scores)
    assert ((found.scores > 0) & (found.scores <= 1 + 1e-6)).all()
    bins = bin_colors(colormap, bits)
    assert bins.counts.sum() == height * width


@pytest.mark.parametrize("bits", [5, 6, 8])
def test_bins_hold_the_sums_of_their_pixels(bits: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the image is larger than what is summed at a time."""
    monkeypatch.setattr("unigs.colormap.bins.MAX_PACKED", 1000)
    colormap = noisy_colormap(0, 60, sigma=20)
    colormap[:10] = 255
    bins = bin_colors(colormap, bits)
    number = bins.index.ravel()
    key = colormap.reshape(-1, 3) >> (8 - bits)
    assert len(np.unique(np.column_stack([number, key]), axis=0)) == len(bins.counts)
    assert np.array_equal(bins.counts, np.bincount(number))
    for channel in range(3):
        sums = np.bincount(number, colormap[..., channel].ravel())
        assert np.array_equal(bins.colors[:, channel], sums / bins.counts)


def test_kmeans_with_the_true_number_finds_far_colours() -> None:
    segments = random_segments(4, 80, 80, 3)
    colormap = Palette(3, "contrast").encode(segments)
    count = len(np.unique(segments))
    found = decode(colormap, "kmeans", clusters=count)
    assert np.array_equal(found.segments > 0, segments > 0)
    assert len(found.scores) == len(np.unique(segments[segments > 0]))


def test_lab_of_known_colours() -> None:
    """Values of the CIE formulas for sRGB at D65, two decimals."""
    colors = np.array([[255, 255, 255], [255, 0, 0], [0, 255, 0], [0, 0, 255], [0, 0, 0]])
    expected = [[100, 0, 0], [53.24, 80.09, 67.20], [87.73, -86.18, 83.18], [32.30, 79.19, -107.86]]
    assert rgb_to_lab(colors) == pytest.approx(np.array([*expected, [0, 0, 0]]), abs=0.02)


def test_lab_is_exact_though_its_roots_come_from_a_table() -> None:
    """Against the CIE formulas written out, at whole levels, where the gamma curve is exact."""
    levels = np.array(np.meshgrid(*[np.arange(0, 256, 15)] * 3)).reshape(3, -1).T
    levels = np.concatenate([levels, np.arange(16)[:, None] * np.ones(3, int)])
    value = levels / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    matrix = np.array(
        [
            [0.4124564, 0.3575761, 0.1804375],
            [0.2126729, 0.7151522, 0.0721750],
            [0.0193339, 0.1191920, 0.9503041],
        ]
    )
    ratio = linear @ matrix.T / matrix.sum(1)
    x, y, z = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio * (29 / 6) ** 2 / 3 + 4 / 29).T
    expected = np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1)
    assert rgb_to_lab(levels) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("width", [3, 6])
def test_scores_are_the_mean_softmax_at_the_own_cluster(width: int) -> None:
    rng = np.random.default_rng(width)
    points, centers = rng.normal(0, 4, (50, width)), rng.normal(0, 4, (5, width))
    weights, own = rng.integers(1, 9, 50).astype(float), rng.integers(0, 4, 50)
    power = np.exp(-((points[:, None] - centers) ** 2).sum(-1) / 20)
    share = (power / power.sum(1, keepdims=True))[np.arange(50), own]
    expected = [np.average(share[own == j], weights=weights[own == j]) for j in range(4)]
    found = softmax_scores(points, weights, own, centers, 10.0)
    assert found == pytest.approx(np.array([*expected, 0]), abs=1e-9)


@pytest.mark.parametrize(
    "options",
    [{"delta": 0}, {"criterion": "l1"}, {"features": "hsv"}, {"bits": 9}],
)
def test_bad_options_are_refused(options: dict) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        decode(np.zeros((4, 4, 3), np.uint8), "pdm", **options)


@pytest.mark.parametrize("colormap", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3))])
@pytest.mark.parametrize("decoder", ["pdm", "kmeans", "regions"])
def test_bad_colormaps_are_refused(colormap: np.ndarray, decoder: str) -> None:
    with pytest.raises(ValueError, match="colormap"):
        decode(colormap, decoder)
