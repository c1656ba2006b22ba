import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from pycocotools import mask as coco_mask

from unigs.errors import DataError
from unigs.io.mask_codes import mask_code, unpack_runs

SQUARE = [10, 10, 30, 10, 30, 30, 10, 30]


def encoded(mask):
    return coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))


@given(arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=40)))
def test_any_mask_is_read_in_each_form(mask):
    code = encoded(mask)
    height, width = mask.shape
    text = {"size": [height, width], "counts": code["counts"].decode()}
    assert mask_code(text, height, width)["counts"] == code["counts"]
    runs = unpack_runs(code["counts"]).tolist()
    assert sum(runs) == mask.size
    listed = mask_code({"size": [height, width], "counts": runs}, height, width)
    assert np.array_equal(coco_mask.decode(listed), mask)


@given(st.binary(max_size=40) | st.text(max_size=40), st.integers(1, 50), st.integers(1, 50))
def test_any_text_is_a_mask_or_refused(code, height, width):
    try:
        found = mask_code({"size": [height, width], "counts": code}, height, width)
    except DataError:
        return
    assert coco_mask.decode(found).shape == (height, width)


def test_one_flat_polygon_is_that_polygon():
    flat, listed = mask_code(SQUARE, 48, 64), mask_code([SQUARE], 48, 64)
    assert flat["counts"] == listed["counts"]
    assert coco_mask.area(flat) == 400


@pytest.mark.parametrize(
    ("segmentation", "reason"),
    [
        (None, "null"),
        ("ab", "segmentation is str"),
        ([], "no polygon"),
        ([[]], "at least 3"),
        ([[10, 10, 30, 30]], "2 points"),
        ([[10, 10, 30, 10, 30]], "x, y"),
        ([[[10, 10], [30, 10], [30, 30]]], "x, y"),
        ([[[10, 10], [30, 10], [30, 30], [10, 30]]], "no finite number"),
        ([SQUARE, None], "x, y"),
        ([[10, 10, 30, 10, 30, float("nan")]], "no finite number"),
        ([[10, 10, 30, 10, 30, True]], "no finite number"),
        ([[10, 10, 30, 10, 30, 10**400]], "no finite number"),
        ([[10, 10, 30, 10, 30, 1e9]], "far outside"),
        ([[-60, -40, 120, 90] * 20000], "outline"),
        ({"size": [64, 48], "counts": [3072]}, "48x64 but its mask has size"),
        ({"size": [100000, 100000], "counts": [3072]}, "48x64"),
        ({"size": ["48", "64"], "counts": [3072]}, "48x64"),
        ({"size": None, "counts": [3072]}, "missing"),
        ({"size": [48, 64]}, "missing"),
        ({"size": [48, 64], "counts": {"a": 1}}, "counts"),
        ({"size": [48, 64], "counts": [490, -20, 2602]}, "negative run"),
        ({"size": [48, 64], "counts": [True, 3071]}, "whole numbers"),
        ({"size": [48, 64], "counts": [1.5, 3070.5]}, "whole numbers"),
        ({"size": [48, 64], "counts": [10**30]}, "whole numbers"),
        ({"size": [48, 64], "counts": [3000, 100]}, "covers 3100 pixels"),
        ({"size": [48, 64], "counts": ""}, "covers 0 pixels"),
        ({"size": [48, 64], "counts": "b'PP3'"}, "counts.decode"),
        ({"size": [48, 64], "counts": "ä"}, "no run length"),
        ({"size": [48, 64], "counts": "PPo"}, "inside a run"),
        ({"size": [48, 64], "counts": "oooooooo0"}, "32 bits"),
    ],
)
def test_what_is_no_mask_is_refused(segmentation, reason):
    with pytest.raises(DataError, match=reason):
        mask_code(segmentation, 48, 64)


def test_runs_past_the_end_of_the_image_come_to_an_end():
    """pycocotools alone loops for ever on the second."""
    code = encoded(np.zeros((48, 64), bool))["counts"].decode()
    for text in (code + "n^6", "Z?d0l00000000000000000000000000000000000000n^6", "oooooo0" * 50000):
        with pytest.raises(DataError):
            mask_code({"size": [48, 64], "counts": text}, 48, 64)
