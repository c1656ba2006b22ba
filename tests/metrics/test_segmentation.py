import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from unigs.metrics.entity_metrics import SegmentationMetric

maps = st.lists(
    st.tuples(
        arrays(np.int32, (8, 8), elements=st.integers(0, 4)),
        arrays(np.int32, (8, 8), elements=st.integers(0, 4)),
    ),
    min_size=2,
    max_size=6,
)


def test_worked_example():
    metric = SegmentationMetric()
    metric.update("a", np.array([[1, 1, 1, 1, 2, 2]]), np.array([[1, 1, 1, 0, 0, 0]]))
    metric.update("b", np.array([[1, 1, 1, 1, 0, 0]]), np.array([[2, 2, 2, 2, 0, 0]]))
    metric.update("c", np.array([[0, 0]]), np.array([[1, 1]]))
    result = metric.compute()
    assert result["miou"] == (0.75 + 0 + 1) / 3
    assert result["miou_image"] == (0.375 + 1) / 2
    assert result["recall_50"] == 2 / 3
    assert result["ar"] == pytest.approx((0.6 + 0 + 1) / 3, abs=1e-12)
    assert result["pixel_recall"] == (3 + 0 + 4) / 10
    assert (result["n_entities"], result["n_predicted"], result["n_images"]) == (3, 3, 3)


def test_half_is_no_recall():
    metric = SegmentationMetric()
    metric.update("a", np.array([[1, 1]]), np.array([[1, 0]]))
    assert metric.compute()["recall_50"] == 0
    assert metric.compute()["ar"] == 0.1


def test_nothing_seen_is_nan():
    assert np.isnan(SegmentationMetric().compute()["miou"])


@given(maps, st.integers(0, 5), st.randoms(use_true_random=False))
def test_any_split_over_processes_gives_the_same_bits(pairs, at, random):
    whole, left, right = SegmentationMetric(), SegmentationMetric(), SegmentationMetric()
    for i, (gt, pred) in enumerate(pairs):
        whole.update(f"{i}", gt, pred)
    order = list(enumerate(pairs))
    random.shuffle(order)
    for position, (i, (gt, pred)) in enumerate(order):
        (left if position < at else right).update(f"{i}", gt, pred)
    left.update("0", *pairs[0])
    right.merge_state(left)
    assert np.array_equal(
        list(right.compute().values()), list(whole.compute().values()), equal_nan=True
    )


@given(maps)
def test_average_recall_stays_below_its_bound(pairs):
    metric = SegmentationMetric()
    for i, (gt, pred) in enumerate(pairs):
        metric.update(f"{i}", gt, pred)
    result = metric.compute()
    if result["n_entities"]:
        # An IoU u passes at most the thresholds up to u: k / 10 where u >= 0.45 + k / 20.
        assert result["ar"] <= 1.053 * result["miou"] + 1e-12
        assert result["pixel_recall"] >= 0
