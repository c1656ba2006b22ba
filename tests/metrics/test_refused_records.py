"""Average precision names what it cannot read."""

import numpy as np
import pytest

from unigs.errors import DataError
from unigs.metrics.average_precision import coco_scores
from unigs.metrics.entity_metrics import AveragePrecisionMetric


@pytest.mark.parametrize(
    ("scores", "void", "message"),
    [
        ({1: float("nan")}, None, "image a: the score of entity 1 is nan, not a finite number"),
        ({1: float("-inf")}, None, "the score of entity 1 is -inf"),
        ({1: "high"}, None, "the score of entity 1 is 'high'"),
        ({1: 10**400}, None, "the score of entity 1 is 1"),
        ([0.5], None, "scores are list; map labels"),
        ({1: 0.5}, np.ones((2, 2), bool), r"void is \(2, 2\), the label maps are \(3, 3\)"),
    ],
)
def test_scores_and_void_that_do_not_fit_are_named(scores, void, message):
    segments = np.ones((3, 3), int)
    with pytest.raises(DataError, match=message):
        AveragePrecisionMetric().update("a", segments, segments, scores, void)


def test_what_is_no_coco_dictionary_is_told():
    with pytest.raises(DataError, match="no list of images"):
        coco_scores([], [])
