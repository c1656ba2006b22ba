"""The restorer that comes with the package, on drawn segments that it did not learn from."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file

from unigs.colormap import Palette, decode
from unigs.colormap.distortion import add_blur, add_jpeg, add_noise
from unigs.colormap.restorer.drawn_segments import draw_segments
from unigs.colormap.restorer.restore import WEIGHTS, load_restorer, restore
from unigs.metrics.entity_metrics import SegmentationMetric

PALETTE = Palette()
UNSEEN = [draw_segments(np.random.default_rng([1000, number]), 192) for number in range(12)]


def evaluate(decoder, damage):
    metric = SegmentationMetric()
    for number, segments in enumerate(UNSEEN):
        damaged = damage(PALETTE.encode(segments), np.random.default_rng(number))
        metric.update(str(number), segments, decode(damaged, decoder, PALETTE).segments)
    return metric.compute()["miou"]


def test_the_weights_are_small_and_fit():
    assert WEIGHTS.stat().st_size < 1_000_000
    kept = load_file(WEIGHTS)
    assert {value.dtype for value in kept.values()} == {torch.float16}
    for name, value in load_restorer().state_dict().items():
        assert torch.equal(value, kept[name].float())


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 40), st.integers(0, 40))
def test_any_size_keeps_its_size(height, width):
    found = restore(np.full((height, width, 3), 128, np.uint8))
    assert found.shape == (height, width, 3)
    assert found.dtype == np.uint8
    assert np.abs(found.astype(int) - 128).max(initial=0) < 12


def test_other_arrays_are_refused():
    with pytest.raises(ValueError, match="uint8"):
        restore(np.zeros((8, 8, 3)))
    with pytest.raises(ValueError, match="shape"):
        decode(np.zeros((8, 8), np.uint8), "best")


@pytest.mark.parametrize(
    ("damage", "left"), [(add_blur(1.5), 0.7), (add_noise(20), 0.1), (add_jpeg(50), 0.7)]
)
def test_damage_is_undone(damage, left):
    """Fewer pixels are off by more than half a palette level."""
    before = after = 0.0
    for number, segments in enumerate(UNSEEN):
        clean = PALETTE.encode(segments)
        damaged = damage(clean, np.random.default_rng(number))
        before += off(damaged, clean)
        after += off(restore(damaged), clean)
    assert after < left * before, after / before


def off(found, clean):
    return float((np.linalg.norm(found.astype(float) - clean, axis=2) > 32).mean())


def test_best_beats_the_default_where_edges_are_blurred_and_loses_little_where_all_is_clean():
    blur = add_blur(1.5)
    assert evaluate("best", blur) > evaluate("regions", blur)
    assert evaluate("best", lambda colormap, rng: colormap) > 0.95
