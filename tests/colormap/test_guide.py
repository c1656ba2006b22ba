"""The guided filter: edges of the photograph, nothing else of it."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from unigs.colormap import Palette, decode
from unigs.colormap.guide import edge_width, follow_image

PALETTE = Palette(grid=5, order="linear")


def scene(size=64):
    """A disc on ground: its label map, a shaded photograph, its blurred colormap."""
    y, x = np.mgrid[:size, :size]
    segments = np.where((y - 30) ** 2 + (x - 26) ** 2 < 15**2, 1, 2).astype(np.int32)
    image = np.where((segments == 1)[..., None], (200, 60, 40), (60, 120, 90)) + (x % 7)[..., None]
    blurred = gaussian_filter(PALETTE.encode(segments).astype(float), (3, 3, 0))
    return segments, image.astype(np.uint8), np.rint(blurred).astype(np.uint8)


def test_the_step_is_where_the_photograph_has_it():
    """Of the way from one colour to the other, what the two pixels beside the edge make."""
    segments, image, blurred = scene()
    row = segments[30]
    edge = int(np.flatnonzero(np.diff(row))[0])
    whole = np.linalg.norm(
        np.diff(PALETTE.encode(segments)[30, [edge, edge + 1]].astype(int), axis=0)
    )

    def share(colormap):
        pair = colormap[30, [edge, edge + 1]].astype(int)
        return np.linalg.norm(np.diff(pair, axis=0)) / whole

    assert share(blurred) < 0.2
    assert share(follow_image(blurred, image)) > 0.5


def test_a_photograph_without_edges_adds_none():
    _, image, blurred = scene()
    flat = np.full_like(image, 128)
    assert np.ptp(follow_image(np.full_like(blurred, 90), image)) == 0
    steps = np.abs(np.diff(follow_image(blurred, flat).astype(int), axis=0)).max()
    assert steps <= np.abs(np.diff(blurred.astype(int), axis=0)).max()


def test_sharp_edges_stay_where_they_are():
    """The photograph's disc is two pixels away from the colormap's, which is sharp: it is right."""
    segments, image, _ = scene()
    sharp = PALETTE.encode(np.roll(segments, 2, axis=1))
    assert np.array_equal(follow_image(sharp, image), sharp)


@pytest.mark.parametrize(("blur", "low", "high"), [(0, 1, 1), (0.6, 1, 2), (1.5, 3, 5), (3, 4, 9)])
def test_edge_width_grows_with_blur(blur, low, high):
    """A Gaussian edge: its whole step over its steepest, 2.5 deviations wide."""
    colormap = np.zeros((40, 40, 3))
    colormap[:, 20:] = 255
    colormap = np.rint(gaussian_filter(colormap, (blur, blur, 0))).astype(np.uint8)
    assert low <= edge_width(colormap)[20, 20] <= high
    assert edge_width(colormap)[20, 0] == 0


def test_nothing_follows_nothing():
    nothing = np.zeros((0, 5, 3), np.uint8)
    assert follow_image(nothing, nothing).shape == (0, 5, 3)


def test_nearest_colour_takes_the_guide():
    _, image, blurred = scene()
    guided = decode(blurred, "nearest", PALETTE, background=False, image=image)
    by_hand = decode(follow_image(blurred, image), "nearest", PALETTE, background=False)
    assert np.array_equal(guided.segments, by_hand.segments)
    plain = decode(blurred, "nearest", PALETTE, background=False)
    assert not np.array_equal(guided.segments, plain.segments)


def test_another_size_is_refused():
    _, image, blurred = scene()
    with pytest.raises(ValueError, match="cannot guide"):
        follow_image(blurred, image[1:])


def test_nearest_can_ignore_the_photograph():
    _, image, blurred = scene()

    def segments(**options):
        return decode(blurred, "nearest", PALETTE, background=False, **options).segments

    assert not np.array_equal(segments(image=image), segments())
    assert np.array_equal(segments(image=image, follow_edges=False), segments())
