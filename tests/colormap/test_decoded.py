"""What a decoder found prints in one line."""

import numpy as np

from unigs.colormap import Decoded


def test_it_prints_counts_and_scores():
    found = Decoded(np.zeros((4, 6), np.int32), np.array([0.9, 0.25], np.float32))
    assert repr(found) == "Decoded(2 entities in 6x4, scores 0.25 to 0.90)"


def test_nothing_found_prints_too():
    nothing = Decoded(np.zeros((4, 6), np.int32), np.zeros(0, np.float32))
    assert repr(nothing) == "Decoded(0 entities in 6x4)"
