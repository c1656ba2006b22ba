"""Draws of metrics that are no ratios: against the metric itself on the images of the draw."""

import numpy as np
import pytest

from unigs.metrics.bootstrap import kernels
from unigs.metrics.bootstrap.draws import draw_weights
from unigs.metrics.bootstrap.features import resampled_frechet_distance
from unigs.metrics.bootstrap.kernels import resampled_kernel_distance
from unigs.metrics.bootstrap.precision import resampled_precision
from unigs.metrics.entity_precision import (
    EntityOverlaps,
    entity_precision,
    precision_intervals,
)
from unigs.metrics.frechet import frechet_distance, kernel_distance, polynomial
from unigs.metrics.overlap_evaluation import ImageOverlaps, match_images

SIDE, IMAGES = 24, 12


def scene(rng):
    """Four true bands, and predictions that are shifted, missing or invented."""
    truth = np.repeat(np.arange(1, 5), SIDE // 4)[:, None].repeat(SIDE, 1)
    found = np.roll(truth, rng.integers(0, 4), axis=0)
    found[:, : rng.integers(0, 8)] = 5
    found[found == rng.integers(1, 5)] = 0
    return truth, found, {k: float(rng.random()) for k in np.unique(found) if k}


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    return [EntityOverlaps.of("", *scene(rng)) for _ in range(IMAGES)]


def keyed(images):
    return {f"{number:02}": one for number, one in enumerate(images)}


def test_a_draw_has_the_ap_of_a_data_set_that_repeats_images(images):
    weights = draw_weights(IMAGES, draws=20)
    matched = match_images(
        ImageOverlaps(one.iou, one.scores, np.zeros(one.iou.shape[1], bool)) for one in images
    )
    drawn = resampled_precision(matched, weights)
    for number, row in enumerate(weights):
        repeated = [one for one, times in zip(images, row, strict=True) for _ in range(times)]
        expected = entity_precision(keyed(repeated))
        for name in ("ap", "ap_50", "ap_75"):
            value = expected[f"ap_e{name.removeprefix('ap')}"]
            assert drawn[name][number] == pytest.approx(value, abs=1e-12), name


def test_the_interval_of_ap_contains_it(images):
    value, found = entity_precision(keyed(images))["ap_e"], precision_intervals(keyed(images))
    assert set(found) == {"ap_e", "ap_e_50", "ap_e_75", "ap_e_void_ignored"}
    assert found["ap_e"].low < value < found["ap_e"].high


def test_a_single_image_has_no_interval(images):
    (key, one), *_ = keyed(images).items()
    assert all(np.isnan(ends.low) for ends in precision_intervals({key: one}).values())


def test_without_a_prediction_there_is_no_interval(images):
    empty = [EntityOverlaps(one.iou[:0], one.scores[:0]) for one in images]
    assert precision_intervals(keyed(empty)) == {}


def features(count, dimensions):
    rng = np.random.default_rng(3)
    real = rng.normal(size=(count, dimensions)) * np.linspace(0.5, 2, dimensions)
    return real, real * 0.7 + rng.normal(0.4, 0.6, (count, dimensions))


@pytest.mark.parametrize(
    ("count", "dimensions", "alike", "rough"), [(400, 6, 0.95, 0.1), (60, 90, 0.8, 0.3)]
)
def test_frechet_draws_follow_the_distance_of_the_drawn_images(count, dimensions, alike, rough):
    real, generated = features(count, dimensions)
    distance = frechet_distance(real, generated)
    weights = draw_weights(count, draws=150)
    drawn = resampled_frechet_distance(real, generated, distance, weights)
    exact = np.array(
        [
            frechet_distance(np.repeat(real, row, axis=0), np.repeat(generated, row, axis=0))
            for row in weights
        ]
    )
    assert np.corrcoef(drawn, exact)[0, 1] > alike
    assert drawn.std() == pytest.approx(exact.std(), rel=rough)
    assert drawn.mean() == pytest.approx(distance, rel=0.02)


def test_frechet_draws_are_its_derivative():
    real, generated = features(300, 4)
    distance = frechet_distance(real, generated)
    # One image twice, another left out.
    weights = np.ones((1, 300), np.uint16)
    weights[0, 7], weights[0, 11] = 2, 0
    drawn = resampled_frechet_distance(real, generated, distance, weights)[0]
    rows = np.repeat(np.arange(300), weights[0])
    exact = frechet_distance(real[rows], generated[rows])
    assert drawn - distance == pytest.approx(exact - distance, rel=0.05)


def test_sets_of_their_own_are_drawn_apart():
    real, generated = features(300, 4)
    generated = generated[:200]
    distance = frechet_distance(real, generated)
    weights, own = draw_weights(300, draws=150), draw_weights(200, draws=150, seed=1)
    drawn = resampled_frechet_distance(real, generated, distance, weights, own)
    exact = np.array(
        [
            frechet_distance(np.repeat(real, a, axis=0), np.repeat(generated, b, axis=0))
            for a, b in zip(weights, own, strict=True)
        ]
    )
    assert np.corrcoef(drawn, exact)[0, 1] > 0.95
    assert drawn.std() == pytest.approx(exact.std(), rel=0.1)


def test_kernel_draws_are_the_kernel_distance_of_the_drawn_images():
    real, generated = features(30, 5)
    weights = draw_weights(30, draws=5)
    whole = kernel_distance(real, generated)[0]
    drawn = resampled_kernel_distance(real, generated, polynomial, whole, weights)
    for value, row in zip(drawn, weights, strict=True):
        rows = np.repeat(np.arange(30), row)
        different = rows[:, None] != rows[None]

        def kernel(a, b, rows=rows):
            return (a[rows] @ b[rows].T / 5 + 1) ** 3

        same = sum(kernel(side, side)[different].mean() for side in (real, generated))
        across = kernel(real, generated)
        expected = same - 2 * (across[different].mean() * 29 / 30 + across.diagonal().mean() / 30)
        assert value == pytest.approx(expected, rel=1e-9)


def test_kernel_draws_of_sets_of_their_own_are_the_distance_of_the_drawn_images():
    real, generated = features(30, 5)
    generated = generated[:20]
    weights, own = draw_weights(30, draws=5), draw_weights(20, draws=5, seed=1)
    drawn = resampled_kernel_distance(real, generated, polynomial, 3.0, weights, own)
    every = np.ones((1, 30), int), np.ones((1, 20), int)
    expected = []
    for one, other in zip((*weights, *every[0]), (*own, *every[1]), strict=True):
        value = 0.0
        rows = [np.repeat(np.arange(len(part)), part) for part in (one, other)]
        for side, chosen in zip((real, generated), rows, strict=True):
            different = chosen[:, None] != chosen[None]
            value += polynomial(side[chosen], side[chosen])[different].mean()
        expected.append(value - 2 * polynomial(real[rows[0]], generated[rows[1]]).mean())
    # around the value that is given
    assert drawn == pytest.approx(np.array(expected[:-1]) - expected[-1] + 3, rel=1e-9)


def test_kernel_draws_lie_around_the_distance():
    real, generated = features(120, 5)
    whole = kernel_distance(real, generated)[0]
    drawn = resampled_kernel_distance(
        real, generated, polynomial, whole, draw_weights(120, draws=400)
    )
    assert abs(drawn.mean() - whole) < 0.1 * drawn.std()


@pytest.mark.parametrize("paired", [True, False])
def test_many_images_are_drawn_to_first_order_much_as_exactly(paired, monkeypatch):
    real, generated = features(400, 5)
    weights = draw_weights(400, draws=200)
    own = None if paired else draw_weights(400, draws=200, seed=1)
    exact = resampled_kernel_distance(real, generated, polynomial, 1.0, weights, own)
    monkeypatch.setattr(kernels, "MOST_KERNEL_IMAGES", 399)
    drawn = resampled_kernel_distance(real, generated, polynomial, 1.0, weights, own)
    assert drawn.std() == pytest.approx(exact.std(), rel=0.1)
    assert np.corrcoef(drawn, exact)[0, 1] > 0.95
    assert not np.array_equal(drawn, exact)
