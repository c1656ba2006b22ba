"""The guided filter: edges of the photograph, nothing else of it."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from unigs.colormap import Palette, decode
from unigs.colormap.guide import follow_image

PALETTE = Palette(grid=5, order="linear")


def scene(size=64):
    """A disc on ground: its label map, a shaded photograph, its blurred colormap."""
    y, x = np.mgrid[:size, :size]
    segments = np.where((y - 30) ** 2 + (x - 26) ** 2 < 15**2, 1, 2).astype(np.int32)
    image = np.where((segments == 1)[..., None], (200, 60, 40), (60, 120, 90)) + (x % 7)[..., None]
    blurred = gaussian_filter(PALETTE.encode(segments).astype(float), (3, 3, 0))
    return segments, image.astype(np.uint8), np.rint(blurred).astype(np.uint8)


def test_blurred_edges_go_to_the_edges_of_the_photograph():
    segments, image, blurred = scene()
    truth = PALETTE.encode(segments).astype(int)
    before = np.abs(blurred - truth).mean()
    assert np.abs(follow_image(blurred, image) - truth).mean() < before / 2


def test_a_photograph_without_edges_adds_none():
    _, image, blurred = scene()
    flat = np.full_like(image, 128)
    assert np.ptp(follow_image(np.full_like(blurred, 90), image)) == 0
    steps = np.abs(np.diff(follow_image(blurred, flat).astype(int), axis=0)).max()
    assert steps <= np.abs(np.diff(blurred.astype(int), axis=0)).max()


def test_nearest_colour_takes_the_guide():
    segments, image, blurred = scene()

    def wrong(**guide):
        found = decode(blurred, "nearest", PALETTE, background=False, **guide).segments
        inside = found == found[30, 26]
        return int((inside != (segments == 1)).sum())

    assert wrong(image=image) < wrong() / 2


def test_another_size_is_refused():
    _, image, blurred = scene()
    with pytest.raises(ValueError, match="cannot guide"):
        follow_image(blurred, image[1:])
