import math

import numpy as np
import pytest

from unigs.metrics.bootstrap import draws
from unigs.metrics.bootstrap.draws import draw_weights, in_parts, interval, resampled_ratio
from unigs.metrics.bootstrap.per_image import PerImage


def whole(weights):
    return np.array(list(weights))


def test_a_draw_has_as_many_images_as_there_are():
    weights = whole(draw_weights(37, draws=90))
    assert weights.shape == (90, 37)
    assert (weights.sum(1) == 37).all()
    assert (weights == whole(draw_weights(37, draws=90))).all()
    assert (weights != whole(draw_weights(37, draws=90, seed=1))).any()


@pytest.mark.parametrize(("most", "rows"), [(10**6, 64), (40, 8), (3, 1)])
def test_parts_are_the_whole(monkeypatch, most, rows):
    monkeypatch.setattr(draws, "_MOST_WEIGHTS", most)
    weights = draw_weights(5, draws=200)
    parts = list(in_parts(weights))
    assert {len(part) for part in parts[:-1]} == {rows}
    assert (np.concatenate(parts) == whole(weights)).all()


def test_many_images_have_no_more_weights_at_once():
    few, many = (next(in_parts(draw_weights(images))) for images in (5000, 40_000))
    assert many.nbytes == few.nbytes == 64 * 5000 * 8


def test_a_draw_is_the_ratio_over_the_images_as_often_as_they_are_drawn():
    rng = np.random.default_rng(0)
    parts = np.stack([rng.random(20), rng.integers(0, 5, 20)], axis=1)
    weights = draw_weights(20, draws=50)
    values = resampled_ratio(parts, weights)
    for value, row in zip(values, weights, strict=True):
        top, bottom = np.repeat(parts, row, axis=0).sum(0)
        assert value == pytest.approx(top / bottom, rel=1e-12)


def test_draws_over_nothing_do_not_count():
    assert math.isnan(interval([]).low)
    assert interval([math.nan, 2.0]).low == interval([2.0]).high == 2.0
    assert np.isnan(resampled_ratio([[0.0, 0.0]], draw_weights(1, 3))).all()


def test_intervals_contain_the_true_mean_as_often_as_they_say():
    """Images with different numbers of entities, entities of an image alike: true mean 0.6."""
    rng = np.random.default_rng(0)
    images, repeats, inside = 200, 1000, 0
    for number in range(repeats):
        level = rng.beta(3, 2, images)
        entities = rng.integers(1, 8, images)
        scores = np.clip(rng.normal(level, 0.1), level - 0.3, level + 0.3)
        parts = np.stack([scores * entities, entities], axis=1)
        found = interval(resampled_ratio(parts, draw_weights(images, 400, seed=number)))
        inside += found.low <= 0.6 <= found.high
    assert 0.93 <= inside / repeats <= 0.97


@pytest.fixture
def scores():
    rng = np.random.default_rng(1)
    return PerImage.of(
        {f"image-{k}": {"miou": (rng.random(), 1.0), "ar": (1.0, 0.0)} for k in range(9)}
    )


def test_per_image_scores_survive_a_file(scores, tmp_path):
    scores.write(tmp_path / "scores.parquet")
    again = PerImage.read(tmp_path / "scores.parquet")
    assert again.keys == scores.keys
    assert all((again.parts[name] == scores.parts[name]).all() for name in scores.parts)
    assert again.value("miou") == scores.value("miou")
    assert math.isnan(again.value("ar"))


def test_joined_scores_keep_their_values(scores):
    other = PerImage.of({"image-3": {"pq": (1.0, 2.0)}, "more": {"pq": (1.0, 1.0)}})
    both = scores | other
    assert len(both.keys) == 10
    assert both.value("miou") == pytest.approx(scores.value("miou"))
    assert both.value("pq") == pytest.approx(2 / 3)


def test_no_image_has_no_interval():
    assert PerImage.of({}).intervals() == {}
