import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import sqrtm

from unigs.errors import DataError
from unigs.metrics.frechet import (
    FrechetMetric,
    frechet_at_infinity,
    frechet_distance,
    kernel_distance,
    small_sample_note,
)


def cases(test_data):
    return json.loads((test_data / "metrics" / "fid" / "randn_expected.json").read_text())


def draw(case):
    rng = np.random.RandomState(case["seed"])
    return rng.randn(case["N"], case["C"]), rng.randn(case["N"], case["C"])


def test_torch_fidelity_values(test_data):
    for case in cases(test_data):
        # With n < d torch-fidelity's own matrix root is off in the eighth digit.
        precise = case["N"] >= case["C"]
        assert frechet_distance(*draw(case)) == pytest.approx(
            case["fid_torch_fidelity_0_4_0"], rel=1e-12 if precise else 1e-7
        )
        assert kernel_distance(*draw(case), subset_size=case["N"])[0] == pytest.approx(
            case["kid_torch_fidelity_full_subset"], abs=1e-12
        )


@given(st.integers(2, 40), st.integers(2, 40), st.integers(1, 20), st.integers(0, 9))
def test_properties(n, m, d, seed):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(n, d)), rng.normal(1, 2, size=(m, d))
    value = frechet_distance(a, b)
    assert value >= 0
    assert frechet_distance(b, a) == pytest.approx(value, rel=1e-6)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-6)
    assert frechet_distance(a, a + 3) == pytest.approx(9 * d, rel=1e-6)


def test_one_dimension_is_the_textbook_formula():
    a, b = np.array([[0.0], [2.0]]), np.array([[5.0], [5.0], [11.0]])
    expected = (1 - 7) ** 2 + (np.sqrt(2) - np.sqrt(12)) ** 2
    assert frechet_distance(a, b) == pytest.approx(expected)


@pytest.mark.parametrize("n", [10, 60])
def test_singular_and_regular_covariances_are_scipys(n):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(n, 20)), rng.normal(0.5, 2, size=(n, 20))
    root = sqrtm(np.cov(a.T) @ np.cov(b.T)).real
    expected = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(np.cov(a.T) + np.cov(b.T) - 2 * root)
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-6 if n < 20 else 1e-12)


def test_far_from_the_origin_no_digit_is_lost():
    a, b = np.random.default_rng(0).normal(size=(2, 50, 8))
    assert frechet_distance(a + 100, b + 100) == pytest.approx(frechet_distance(a, b), rel=1e-12)


def test_sides_of_two_sizes_are_compared_in_subsets_of_the_smaller():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(100, 8)), rng.normal(0.5, 1, size=(80, 8))
    mean, deviation = kernel_distance(a, b)
    assert deviation > 0
    assert mean == pytest.approx(kernel_distance(a[:80], b)[0], abs=5 * deviation)


def test_kernel_distance_in_subsets_is_seeded_and_near_the_whole():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(300, 8)), rng.normal(0.5, 1, size=(300, 8))
    whole, none = kernel_distance(a, b)
    mean, deviation = kernel_distance(a, b, subset_size=150, seed=3)
    assert none == 0
    assert (mean, deviation) == kernel_distance(a, b, subset_size=150, seed=3)
    assert mean == pytest.approx(whole, abs=3 * deviation)


def test_metric_is_keyed_and_merges():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(2, 10, 3))
    whole, left, right = FrechetMetric(), FrechetMetric(), FrechetMetric()
    for i in range(10):
        whole.update(f"{i}", features[0, i], features[1, i])
        (left if i < 4 else right).update(f"{i}", features[0, i], features[1, i])
    left.update("9", features[0, 9], features[1, 9])
    left.merge_state(right)
    assert left.compute() == whole.compute()
    assert whole.compute()["frechet_n"] == 10
    assert np.isnan(FrechetMetric().compute()["frechet_distance"])


@pytest.mark.parametrize("paired", [True, False])
def test_at_infinity_the_bias_is_gone(paired):
    rng = np.random.default_rng(0)
    spread = np.linspace(0.3, 1.5, 24) ** 2
    true = 24 * 0.1**2 + ((0.2 * spread) ** 2).sum()
    plain, endless = [], []
    for _ in range(12):
        a, b = rng.normal(size=(2, 200, 24)) * spread
        b = 0.8 * b + 0.1
        plain.append(frechet_distance(a, b))
        endless.append(frechet_at_infinity(a, b, paired=paired))
    deviation = np.std(endless) / np.sqrt(12)
    assert np.mean(plain) > 1.5 * true
    assert np.mean(endless) == pytest.approx(true, abs=3 * deviation + 0.05 * true)
    assert deviation < 0.1 * true


def test_at_infinity_sides_of_two_sizes_are_halved_each():
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(800, 16)), rng.normal(size=(300, 16))
    assert frechet_distance(a, b) > 0.3
    assert abs(frechet_at_infinity(a, b)) < 0.1
    assert frechet_at_infinity(a, b) == frechet_at_infinity(a, b)


def test_with_fewer_images_than_dimensions_there_is_no_line_to_follow():
    a, b = np.random.default_rng(0).normal(size=(2, 8, 8))
    assert np.isnan(frechet_at_infinity(a, b))
    assert "8 images, 8 dimensions" in small_sample_note(8, 8)
    assert small_sample_note(9, 8) == ""
    assert np.isnan(frechet_at_infinity(a[:3, :2], b[:3, :2]))


def test_metric_at_infinity_and_its_note():
    metric = FrechetMetric()
    a, b = np.random.default_rng(0).normal(size=(2, 12, 3))
    for i in range(12):
        metric.update(f"{i:02}", a[i], b[i])
    metric.compute()
    assert metric.at_infinity() == frechet_at_infinity(a, b, paired=True)
    assert metric.note() == ""
    few = FrechetMetric()
    for i in range(3):
        few.update(f"{i}", a[i], b[i])
    few.compute()
    assert few.note().startswith("3 images, 3 dimensions")
    ends = metric.intervals()
    assert ends["frechet_distance"].low < metric.compute()["frechet_distance"]
    assert ends["kid"].low < metric.compute()["kid"] < ends["kid"].high


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.ones(3), "shape"),
        (np.ones((3, 5)), "5 dimensions"),
        (np.ones((3, 0)), r"shape \(3, 0\)"),
        (np.full((3, 2), np.nan), "finite"),
        ([[1, 2]], "two samples"),
        ([[1, 2], [3]], "several lengths"),
        ([["a", "b"]] * 3, "real numbers"),
        (np.ones((3, 2), complex), "real numbers"),
    ],
)
def test_bad_features_are_refused(bad, message):
    with pytest.raises(DataError, match=message):
        frechet_distance(np.random.default_rng(0).normal(size=(4, 2)), bad)


def test_half_the_images_must_be_more_than_the_dimensions() -> None:
    """Two sets of one distribution: with n = d + 1 the line through n/2 would say 0.12 d."""
    rng = np.random.default_rng(0)
    d = 16
    for n, defined in ((d + 1, False), (2 * d, False), (2 * d + 2, True)):
        found = frechet_at_infinity(rng.normal(size=(n, d)), rng.normal(size=(n, d)))
        assert math.isnan(found) is not defined
