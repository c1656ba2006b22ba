from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from unigs.samples.transforms import resize_and_crop


def random_pair(seed: int, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    return image, rng.integers(0, 9, (height, width)).astype(np.int32)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.integers(1, 60), st.integers(1, 70))
def test_equals_resizing_the_whole_and_cropping_the_middle(seed, height, width, size):
    image, segments = random_pair(seed, height, width)
    pixels, labels = resize_and_crop(image, segments, size)
    scale = size / min(height, width)
    whole = (max(size, round(width * scale)), max(size, round(height * scale)))
    left, top = (whole[0] - size) // 2, (whole[1] - size) // 2
    window = np.s_[top : top + size, left : left + size]
    full = np.asarray(Image.fromarray(image).resize(whole, Image.Resampling.BICUBIC))[window]
    half = Fraction(1, 2)
    rows = [int((top + i + half) * height / whole[1]) for i in range(size)]
    columns = [int((left + i + half) * width / whole[0]) for i in range(size)]
    assert pixels.shape == (size, size, 3)
    assert pixels.dtype == np.uint8
    assert labels.dtype == np.int32
    assert np.abs(pixels.astype(int) - full).max() <= 2
    assert np.array_equal(labels, segments[np.ix_(rows, columns)])


def test_no_label_is_invented_and_seeds_decide_the_crop():
    image, segments = random_pair(3, 20, 90)
    segments *= 1000
    first = resize_and_crop(image, segments, 16, np.random.default_rng(5))
    again = resize_and_crop(image, segments, 16, np.random.default_rng(5))
    assert np.array_equal(first[0], again[0])
    assert np.array_equal(first[1], again[1])
    assert set(np.unique(first[1])) <= set(np.unique(segments))
    crops = {
        resize_and_crop(image, segments, 16, np.random.default_rng(seed))[1].tobytes()
        for seed in range(20)
    }
    assert len(crops) > 5


def test_square_of_the_right_size_is_left_alone():
    image, segments = random_pair(4, 32, 32)
    pixels, labels = resize_and_crop(image, segments, 32, np.random.default_rng(0))
    assert np.array_equal(pixels, image)
    assert np.array_equal(labels, segments)


def test_image_and_segments_of_different_size_are_refused():
    image, segments = random_pair(5, 8, 8)
    with pytest.raises(ValueError, match="does not fit"):
        resize_and_crop(image[:4], segments, 4)
    with pytest.raises(ValueError, match="at least 1"):
        resize_and_crop(image, segments, 0)
