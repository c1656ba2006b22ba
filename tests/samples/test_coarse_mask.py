"""Coarse masks: the curve of Algorithm 1, boxes, strokes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unigs.errors import ConfigError
from unigs.samples.coarse_mask import (
    coarse_mask,
    curve_points,
    extend_boxes,
    latent_mask,
)


@st.composite
def boxes_in_image(draw):
    height, width = draw(st.integers(24, 160)), draw(st.integers(24, 160))
    boxes = []
    for _ in range(draw(st.integers(1, 4))):
        x0, y0 = draw(st.integers(0, width - 2)), draw(st.integers(0, height - 2))
        boxes.append((x0, y0, draw(st.integers(x0 + 1, width)), draw(st.integers(y0 + 1, height))))
    return np.array(boxes, dtype=float), height, width, draw(st.integers(0, 2**32))


def algorithm_1(bbox, extended_bbox):
    """The points of the supplementary's pseudocode, transcribed line by line without jitter.

    `bezier.Curve(nodes, degree=2).evaluate(t)` is the quadratic (1-t)^2 a + 2t(1-t) b + t^2 c.
    """
    top = [
        [bbox[0], (bbox[0] + bbox[2]) / 2, bbox[2]],
        [bbox[1], extended_bbox[1], bbox[1]],
    ]
    down = [
        [bbox[2], (bbox[0] + bbox[2]) / 2, bbox[0]],
        [bbox[3], extended_bbox[3], bbox[3]],
    ]
    left = [
        [bbox[0], extended_bbox[0], bbox[0]],
        [bbox[3], (bbox[1] + bbox[3]) / 2, bbox[1]],
    ]
    right = [
        [bbox[2], extended_bbox[2], bbox[2]],
        [bbox[1], (bbox[1] + bbox[3]) / 2, bbox[3]],
    ]
    points = []
    for xs, ys in (top, right, down, left):
        for i in range(1, 19):
            t = i * 0.05
            points.append(
                [(1 - t) ** 2 * c[0] + 2 * t * (1 - t) * c[1] + t**2 * c[2] for c in (xs, ys)]
            )
    return np.array(points)


@given(boxes_in_image())
def test_curve_equals_the_pseudocode(case):
    boxes, height, width, seed = case
    extended = extend_boxes(boxes, height, width, np.random.default_rng(seed), 0.4)
    points = curve_points(boxes, extended)
    for box, wide, outline in zip(boxes, extended, points, strict=True):
        np.testing.assert_allclose(outline, algorithm_1(box, wide), rtol=0, atol=1e-9)


@given(boxes_in_image())
def test_boxes_grow_by_at_most_the_extension_and_stay_inside(case):
    boxes, height, width, seed = case
    grown = extend_boxes(boxes, height, width, np.random.default_rng(seed), 0.4)
    free = np.stack([boxes[:, 0], boxes[:, 1], width - boxes[:, 2], height - boxes[:, 3]], 1)
    moved = (grown - boxes) * [-1, -1, 1, 1]
    assert (moved >= 0).all()
    assert (moved <= 0.4 * free + 1e-9).all()


@settings(max_examples=60)
@given(boxes_in_image(), st.sampled_from(["sample", "bezier", "box"]))
def test_cover_holds_every_box(case, kind):
    boxes, height, width, seed = case
    mask = coarse_mask(boxes, height, width, np.random.default_rng(seed), kind, cover=True)
    assert mask.shape == (height, width)
    assert mask.dtype == bool
    for x0, y0, x1, y1 in boxes.astype(int):
        assert mask[y0:y1, x0:x1].all()


@settings(max_examples=60)
@given(boxes_in_image(), st.sampled_from(["sample", "bezier", "box"]))
def test_mask_stays_near_the_extended_boxes(case, kind):
    boxes, height, width, seed = case
    mask = coarse_mask(boxes, height, width, np.random.default_rng(seed), kind)
    extended = extend_boxes(boxes, height, width, np.random.default_rng(seed), 0.4)
    margin = 5 * min(height, width) / 512 + 1
    allowed = np.zeros_like(mask)
    for x0, y0, x1, y1 in extended:
        left, top = max(0, int(np.floor(x0 - margin))), max(0, int(np.floor(y0 - margin)))
        allowed[top : int(np.ceil(y1 + margin)), left : int(np.ceil(x1 + margin))] = True
    assert mask.any()
    assert not (mask & ~allowed).any()


@given(boxes_in_image())
def test_union_of_boxes_without_extension_is_exact(case):
    boxes, height, width, seed = case
    mask = coarse_mask(boxes, height, width, np.random.default_rng(seed), "box", extension=0.0)
    expected = np.zeros_like(mask)
    for x0, y0, x1, y1 in boxes.astype(int):
        expected[y0:y1, x0:x1] = True
    np.testing.assert_array_equal(mask, expected)


def test_curve_is_drawn_half_of_the_time_and_differs_from_the_box():
    box = np.array([[100.0, 120.0, 300.0, 340.0]])
    curved = 0
    for seed in range(200):
        sample = coarse_mask(box, 512, 512, np.random.default_rng(seed))
        bezier = coarse_mask(box, 512, 512, np.random.default_rng(seed), "bezier")
        plain = coarse_mask(box, 512, 512, np.random.default_rng(seed), "box")
        assert (bezier != plain).any()
        is_curve = bool((sample == bezier).all())
        assert is_curve or (sample == plain).all()
        curved += is_curve
    assert 75 <= curved <= 125


def test_curve_reaches_half_of_the_extension():
    box = np.array([[200.0, 200.0, 300.0, 300.0]])
    wide = np.array([[120.0, 160.0, 400.0, 320.0]])
    outline = curve_points(box, wide)[0]
    assert outline.min(0) == pytest.approx([160, 180])
    assert outline.max(0) == pytest.approx([350, 310])


@pytest.mark.parametrize("box", [(10, 10, 14, 14), (2, 2, 98, 99)])
def test_small_and_large_boxes_take_the_box(box):
    boxes = np.array([box], dtype=float)
    bezier = coarse_mask(boxes, 100, 100, np.random.default_rng(3), "bezier")
    plain = coarse_mask(boxes, 100, 100, np.random.default_rng(3), "box")
    np.testing.assert_array_equal(bezier, plain)
    free = coarse_mask(boxes, 100, 100, np.random.default_rng(3), "bezier", curve_share=(0.0, 1.0))
    assert (free != plain).any()


def test_no_boxes_give_an_empty_mask():
    assert not coarse_mask(np.zeros((0, 4)), 8, 9, np.random.default_rng(0)).any()


@pytest.mark.parametrize(
    ("boxes", "kind"),
    [
        ([[0, 0, np.nan, 4]], "box"),
        ([[5, 5, 5, 9]], "box"),
        ([[70, 0, 90, 9]], "box"),
        ([[0, 0, 4]], "box"),
        ([[0, 0, 4, 4]], "circle"),
    ],
)
def test_bad_input_is_one_line(boxes, kind):
    with pytest.raises(ConfigError) as caught:
        coarse_mask(np.array(boxes, dtype=float), 64, 64, np.random.default_rng(0), kind)
    assert "\n" not in str(caught.value)


@given(st.integers(0, 2**32), st.sampled_from([2, 4, 8]))
def test_latent_mask_is_the_cells_that_any_pixel_touches(seed, factor):
    mask = np.random.default_rng(seed).uniform(size=(3, 16, 32)) < 0.05
    small = latent_mask(mask, factor)
    assert small.shape == (3, 16 // factor, 32 // factor)
    grown = small.repeat(factor, 1).repeat(factor, 2)
    assert not (mask & ~grown).any()
    for n, y, x in np.argwhere(small):
        assert mask[n, y * factor : (y + 1) * factor, x * factor : (x + 1) * factor].any()
