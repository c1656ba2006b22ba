import numpy as np
import pytest

from unigs.errors import ConfigError, DataError
from unigs.metrics.bootstrap.comparison import compare, mean_difference
from unigs.metrics.bootstrap.per_image import PerImage


def scores(values, metric="miou"):
    return PerImage.of({f"{k:03}": {metric: (float(v), 1.0)} for k, v in enumerate(values)})


LEVELS = np.random.default_rng(0).random(150)


def test_a_model_equals_itself():
    found = compare(scores(LEVELS), scores(LEVELS), "miou")
    assert (found.value, found.interval.low, found.interval.high, found.p) == (0, 0, 0, 1)
    assert not found.better
    assert not found.worse


def test_a_small_gain_on_every_image_shows_though_images_differ_widely():
    gained = scores(LEVELS + 0.01 + np.random.default_rng(1).normal(0, 0.01, 150))
    found = compare(gained, scores(LEVELS), "miou")
    assert found.value == pytest.approx(0.01, abs=0.003)
    assert found.better
    assert found.p <= 0.01
    # Unpaired, the images' own spread hides it.
    ends = gained.intervals()["miou"]
    assert ends.low < scores(LEVELS).value("miou")
    assert compare(scores(LEVELS), gained, "miou").worse


def test_a_single_image_proves_nothing():
    found = compare(scores([0.6]), scores([0.5]), "miou")
    assert (found.value, found.images) == (pytest.approx(0.1), 1)
    assert np.isnan([found.interval.low, found.interval.high, found.p]).all()
    assert str(found) == "+0.1000"
    assert not found.better
    assert not found.worse


@pytest.mark.parametrize("wrong", [{"draws": 0}, {"draws": -1}, {"seed": -1}])
def test_wrong_numbers_are_refused(wrong):
    with pytest.raises(ConfigError, match="give 1 or more draws"):
        compare(scores(LEVELS), scores(LEVELS), "miou", **wrong)


def test_only_images_of_both_count():
    found = compare(scores(LEVELS), scores(LEVELS[:40] + 0.5), "miou")
    assert found.images == 40
    assert found.value == pytest.approx(-0.5)


def test_the_mean_of_tasks():
    pairs = [
        (scores(LEVELS + gain, name), scores(LEVELS, name), name)
        for gain, name in ((0.2, "a"), (-0.1, "b"))
    ]
    found = mean_difference(pairs)
    assert found.value == pytest.approx(0.05)
    assert found.images == 300


def test_false_alarms_are_as_rare_as_the_level_says():
    """The same model, other noise: 5 % of the intervals miss 0."""
    rng = np.random.default_rng(2)
    alarms = 0
    for seed in range(300):
        a, b = (scores(LEVELS[:60] + rng.normal(0, 0.1, 60)) for _ in range(2))
        found = compare(a, b, "miou", draws=300, seed=seed)
        alarms += found.better or found.worse
    assert 0.02 <= alarms / 300 <= 0.09


@pytest.mark.parametrize(
    ("theirs", "reason"),
    [
        (scores(LEVELS, "other"), "no scores of images for miou"),
        (PerImage.of({"x": {"miou": (1.0, 1.0)}}), "no image in common"),
    ],
)
def test_what_cannot_be_compared_is_said(theirs, reason):
    with pytest.raises(DataError, match=reason):
        compare(scores(LEVELS), theirs, "miou")
