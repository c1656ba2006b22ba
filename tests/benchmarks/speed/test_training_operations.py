"""The operations of `tiny`'s training stay within a coffee break."""

import pytest

from benchmarks.speed.training_operations import operations
from unigs.config.preset import load_preset

MOST_TFLOP = 70


def test_tiny_is_trained_in_at_most_70_tflop():
    counted = operations(load_preset("tiny"))
    assert counted.training <= MOST_TFLOP
    # A backward pass costs two forward ones, but for what needs no gradient.
    assert 2.9 < counted.sample / counted.forward <= 3


def test_operations_grow_with_steps_and_samples():
    once = operations(load_preset("tiny", {"training.steps": 1, "training.batch_size": 1}))
    more = operations(load_preset("tiny", {"training.steps": 3, "training.batch_size": 2}))
    assert more.training == pytest.approx(6 * once.training)
    assert more.optimizer_training == pytest.approx(3 * once.optimizer_training)
    # Newton-Schulz of one 128x1152 kernel alone is more than this.
    assert once.optimizer > 0.2
