import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import sqrtm

from unigs.errors import DataError
from unigs.metrics.frechet import FrechetMetric, frechet_distance, kernel_distance


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


@pytest.mark.parametrize("bad", [np.ones(3), np.ones((3, 5)), np.full((3, 2), np.nan), [[1, 2]]])
def test_bad_features_are_refused(bad):
    with pytest.raises(DataError):
        frechet_distance(np.random.default_rng(0).normal(size=(4, 2)), bad)
