import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pycocotools import mask as rle

from unigs.errors import DataError
from unigs.metrics.matching import components, match, overlap

label_maps = arrays(np.int32, (9, 11), elements=st.integers(0, 5))


def binary_masks(labels):
    return [np.asfortranarray(labels == i, dtype=np.uint8) for i in np.unique(labels) if i]


@given(label_maps, label_maps)
def test_iou_is_bit_equal_to_pycocotools(gt, pred):
    truth, predicted = ([rle.encode(m) for m in binary_masks(x)] for x in (gt, pred))
    if truth and predicted:
        expected = rle.iou(predicted, truth, [0] * len(truth)).T
        assert np.array_equal(overlap(gt, pred).iou, expected)
    else:
        assert overlap(gt, pred).iou.shape == (len(truth), len(predicted))


@given(label_maps, label_maps, st.permutations(range(1, 6)))
def test_matching_ignores_how_labels_are_numbered(gt, pred, order):
    renumbered = np.array([0, *order])[pred] * 70_000
    assert match(gt, pred).iou.sum() == pytest.approx(match(gt, renumbered).iou.sum(), abs=1e-12)


@given(label_maps, label_maps)
def test_partners_are_used_once_and_unmatched_score_zero(gt, pred):
    matches = match(gt, pred)
    partners = matches.pred_labels[matches.pred_labels > 0]
    assert len(set(partners.tolist())) == partners.size
    assert ((matches.iou > 0) == (matches.pred_labels > 0)).all()
    assert matches.gt_area.sum() == (gt > 0).sum()


@given(label_maps)
def test_a_map_matches_itself_perfectly(gt):
    matches = match(gt, gt)
    assert (matches.iou == 1).all()
    assert (matches.pred_labels == matches.gt_labels).all()


def test_the_total_is_greatest_not_greedy():
    gt = np.array([[1, 1, 1, 1, 2, 2]])
    pred = np.array([[1, 1, 2, 2, 2, 2]])
    assert overlap(gt, pred).iou.tolist() == [[0.5, 1 / 3], [0.0, 0.5]]
    assert match(gt, pred).iou.tolist() == [0.5, 0.5]


def test_ignored_pixels_count_on_neither_side():
    gt = np.array([[1, 1, 2, 2]])
    pred = np.array([[1, 1, 1, 3]])
    ignore = np.array([[False, False, True, True]])
    matches = match(gt, pred, ignore, gt_ids=[1, 2], pred_ids=[1, 3])
    assert matches.iou.tolist() == [1.0]
    assert (matches.empty_gt, matches.empty_pred, matches.n_pred) == (1, 1, 1)


def test_empty_masks_are_dropped_and_counted():
    gt = np.array([[1, 0]])
    matches = match(gt, np.zeros_like(gt), gt_ids=[1, 7], pred_ids=[4])
    assert matches.iou.tolist() == [0.0]
    assert (matches.empty_gt, matches.empty_pred) == (1, 1)


def test_forbidden_pairs_are_never_matched():
    gt = np.array([[1, 1, 2, 2]])
    matches = match(gt, gt, allowed=np.array([[False, False], [False, True]]))
    assert matches.iou.tolist() == [0.0, 1.0]


def test_labels_beyond_16_bits_and_negative_ones():
    gt = np.array([[1 << 23, 5, -1]])
    both = overlap(gt, gt)
    assert both.gt_labels.tolist() == [5, 1 << 23]
    assert both.iou.tolist() == [[1.0, 0.0], [0.0, 1.0]]


@pytest.mark.parametrize("bad", [np.zeros((3, 3)), np.zeros((2, 3), int), np.zeros(9, int)])
def test_maps_that_do_not_fit_are_refused(bad):
    with pytest.raises(DataError):
        overlap(np.zeros((3, 3), int), bad)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ({"ignore": np.zeros((2, 2), bool)}, r"ignore is \(2, 2\), the label maps are \(3, 3\)"),
        ({"ignore": np.zeros((9, 1), bool)}, r"ignore is \(9, 1\)"),
        ({"allowed": np.ones((2, 3), bool)}, r"allowed is \(2, 3\), the entities are \(1, 1\)"),
        ({"allowed": np.ones((), bool)}, r"allowed is \(\)"),
    ],
)
def test_masks_that_do_not_fit_are_named(call, message):
    segments = np.eye(3, dtype=int)
    with pytest.raises(DataError, match=message):
        match(segments, segments, **call)


def test_a_label_that_would_become_negative_is_told():
    with pytest.raises(DataError, match=f"ground-truth label map holds the label {2**63}"):
        overlap(np.full((2, 2), 2**63, np.uint64), np.ones((2, 2), int))


def test_components_touch_at_corners():
    assert components(np.array([[1, 0, 0], [0, 1, 0], [0, 0, 0]])).max() == 1
    assert components(np.array([[1, 0, 1]])).tolist() == [[1, 0, 2]]
