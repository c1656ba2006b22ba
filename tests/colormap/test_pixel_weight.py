"""What an error weighs where every entity counts alike."""

import numpy as np

from unigs.colormap.pixel_weight import weigh_pixels


def test_errors_in_and_beside_small_entities_weigh_more():
    segments = np.zeros((64, 64), np.int32)
    segments[:32] = 1
    segments[40:44, 40:44] = 2
    weight = weigh_pixels(segments)
    assert weight.dtype == np.float32
    assert weight[41, 41] == weight[38, 41] == 13
    assert weight[60, 5] == 1
    assert 1 < weight[10, 10] < 2
