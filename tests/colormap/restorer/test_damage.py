"""Damage keeps the shape and type, follows its seed, and is of the size it says."""

import numpy as np

from unigs.colormap.restorer.damage import damage
from unigs.colormap.restorer.drawn_segments import draw_segments

COLORMAP = np.random.default_rng(0).integers(0, 256, (30, 3), np.uint8)[
    draw_segments(np.random.default_rng(1), 48) % 30
]


def test_a_damaged_colormap_is_a_colormap_and_the_draw_is_the_seeds():
    strength = []
    for seed in range(60):
        found = damage(COLORMAP, np.random.default_rng(seed))
        assert found.shape == COLORMAP.shape
        assert found.dtype == np.uint8
        assert (found == damage(COLORMAP, np.random.default_rng(seed))).all()
        strength.append(np.abs(found.astype(float) - COLORMAP).mean())
    # Some draws do nothing at all, none destroys.
    assert min(strength) < 0.1
    assert 10 < max(strength) < 40
