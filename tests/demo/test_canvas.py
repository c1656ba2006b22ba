"""Strokes become masks and entities of the picture's own size."""

import numpy as np
from PIL import Image

from unigs.demo.canvas import (
    BRUSH_SIZE,
    SHOWN_SIDE,
    coarse_mask,
    shown,
    shown_mask,
    stroke_layer,
)


def test_small_pictures_are_shown_large_with_their_own_pixels():
    picture = np.random.default_rng(0).integers(0, 255, (16, 32, 3), np.uint8)
    image = shown(picture)
    assert image.size == (SHOWN_SIDE, SHOWN_SIDE // 2)
    scale = SHOWN_SIDE // 32
    assert np.array_equal(np.asarray(image)[::scale, ::scale], picture)
    assert np.array_equal(np.asarray(image)[scale - 1 :: scale, scale - 1 :: scale], picture)
    smooth = np.asarray(shown(picture, smooth=True))
    assert len(np.unique(smooth.reshape(-1, 3), axis=0)) > 32 * 16
    assert shown(np.zeros((800, 700, 3), np.uint8)).size == (700, 800)


def test_a_stroke_of_the_brush_covers_little_of_the_canvas():
    assert (2 * BRUSH_SIZE / SHOWN_SIDE) ** 2 < 0.01


def test_strokes_come_back_as_the_mask_they_were_made_of():
    mask = np.zeros((24, 48), bool)
    mask[3:9, 5:30] = True
    layer = stroke_layer(mask)
    assert layer.size == (SHOWN_SIDE, SHOWN_SIDE // 2)
    assert 0 < np.asarray(layer)[..., 3].max() < 255
    assert np.array_equal(coarse_mask([layer], (24, 48)), mask)
    other = np.zeros_like(mask)
    other[20:, :4] = True
    both = coarse_mask([layer, stroke_layer(other)], (24, 48))
    assert np.array_equal(both, mask | other)
    assert set(np.unique(shown_mask(mask))) == {0.0, 1.0}


def test_nothing_painted_is_none():
    clear = Image.new("RGBA", (SHOWN_SIDE, SHOWN_SIDE))
    assert coarse_mask([clear], (8, 8)) is None
    assert coarse_mask([], (8, 8)) is None
