import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unigs.errors import DataError
from unigs.metrics.clip_score import ClipScoreMetric, cosines, region_crop


def test_cosines():
    a = np.array([[1.0, 0], [1, 1], [0, 0], [2, 0]])
    b = np.array([[3.0, 0], [1, 0], [1, 0], [-1, 0]])
    assert cosines(a, b) == pytest.approx([1, np.sqrt(0.5), 0, -1])


@given(st.integers(0, 100), st.floats(0.01, 100))
def test_length_does_not_matter(seed, factor):
    a, b = np.random.default_rng(seed).normal(size=(2, 4, 6))
    assert cosines(a * factor, b) == pytest.approx(cosines(a, b))


def test_mean_over_pairs_not_images_and_unclamped():
    metric, other = ClipScoreMetric("clip_t_full"), ClipScoreMetric("clip_t_full")
    metric.update("a", [[1.0, 0], [1, 0]], [[1.0, 0], [1, 0]])
    other.update("b", [[1.0, 0]], [[-1.0, 0]])
    other.update("a", [[1.0, 0], [1, 0]], [[1.0, 0], [1, 0]])
    metric.merge_state(other)
    assert metric.compute() == {"clip_t_full": pytest.approx(100 / 3)}
    metric.reset()
    metric.update("a", [[1.0, 0]], [[-1.0, 0]])
    assert metric.compute()["clip_t_full"] == -100
    metric.reset()
    assert np.isnan(metric.compute()["clip_t_full"])


def test_region_is_the_box_of_the_mask():
    image = np.arange(75, dtype=np.uint8).reshape(5, 5, 3)
    mask = np.zeros((5, 5), bool)
    mask[1, 2] = mask[3, 4] = True
    assert np.array_equal(region_crop(image, mask), image[1:4, 2:5])
    with pytest.raises(DataError):
        region_crop(image, ~mask & mask)
    with pytest.raises(DataError):
        cosines(np.ones((2, 3)), np.ones((3, 3)))
