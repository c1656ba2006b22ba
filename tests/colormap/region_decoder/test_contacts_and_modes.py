"""The connected parts of a colormap: what they are and what is measured of them."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import label

from tests.colormap.test_regions import same_partition
from unigs.colormap.region_decoder.contacts import connected_parts, measure
from unigs.colormap.region_decoder.modes import count_flat


def test_components_agree_with_scipy() -> None:
    rng = np.random.default_rng(0)
    for _ in range(10):
        labels = rng.integers(0, 3, (23, 31)).astype(np.int32)
        parts, label_of = connected_parts(labels)
        assert np.array_equal(label_of[parts], labels)
        assert len(label_of) == sum(label(labels == value)[1] for value in range(3))
        for value in range(3):
            assert same_partition(
                label(labels == value)[0], np.where(labels == value, parts + 1, 0)
            )


def test_parts_are_measured_pixel_by_pixel() -> None:
    rng = np.random.default_rng(0)
    parts = np.repeat(rng.integers(0, 5, (23, 8)), 4, axis=1).astype(np.int32)
    pixels = rng.integers(0, 256, (23, 32, 3), np.uint8)
    y, x = np.mgrid[:23, :32]
    values = pixels.astype(np.int64)
    columns = [np.ones_like(x), *np.moveaxis(values, 2, 0), (values**2).sum(2)]
    columns += [(x + 0.5) / 32, (y + 0.5) / 23]
    expected = [np.bincount(parts.ravel(), column.ravel()) for column in columns]
    np.testing.assert_allclose(measure(parts, pixels, 5), np.stack(expected, axis=1), rtol=1e-12)


def test_flat_pixels_are_those_without_a_step_to_the_right_or_below() -> None:
    pixels = np.zeros((3, 4, 3), np.uint8)
    pixels[1, 2] = (0, 0, 30)
    counts, step = np.zeros(12, np.int64), np.empty(12, np.uint8)
    index = np.arange(12, dtype=np.int32).reshape(3, 4)
    count_flat(pixels.reshape(3, 12), index, 20, step, counts)
    steps = [(1, 1), (0, 2), (1, 2)]
    assert sorted(np.flatnonzero(counts == 0)) == sorted(4 * y + x for y, x in steps)
