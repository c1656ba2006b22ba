import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from pycocotools import mask as coco_mask

from unigs.errors import DataError
from unigs.io.mask_codes import code_of_mask, flatten, mask_code, not_empty, unpack_runs

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


@pytest.mark.parametrize(
    "form",
    [SQUARE, tuple(SQUARE), list(zip(SQUARE[::2], SQUARE[1::2], strict=True)),
     [list(zip(SQUARE[::2], SQUARE[1::2], strict=True))]],
)  # fmt: skip
def test_a_polygon_is_read_in_every_form(form):
    found = mask_code(form, 48, 64)
    assert found["counts"] == mask_code([SQUARE], 48, 64)["counts"]
    assert coco_mask.area(found) == 400


def triangles(count, side, seed=0):
    points = np.random.default_rng(seed).uniform(0, side, (count, 1, 2))
    return (points + np.array([[0, 0], [6, 1], [2, 5]])).reshape(count, 6).tolist()


@pytest.mark.parametrize("count", [1, 2, 8, 9, 64, 65, 300])
def test_many_polygons_are_the_union_of_all(count):
    polygons = triangles(count, 90)
    expected = coco_mask.merge(coco_mask.frPyObjects(polygons, 100, 120))
    assert mask_code(polygons, 100, 120) == expected


def test_polygons_are_merged_in_a_time_that_does_not_grow_with_their_square(monkeypatch):
    work = []
    merge = coco_mask.merge

    def heard(codes):
        work.append(len(codes) * sum(len(code["counts"]) for code in codes))
        return merge(codes)

    monkeypatch.setattr(coco_mask, "merge", heard)
    needed = {}
    for count in (500, 2000):
        work.clear()
        mask_code(triangles(count, 1000), 1010, 1010)
        needed[count] = sum(work)
    assert needed[2000] < 6 * needed[500]


def test_overlaps_go_to_the_smaller_mask_and_from_crowds_to_all():
    pixels = np.zeros((3, 4, 5), bool)
    pixels[0], pixels[1, :2], pixels[2, 1:3, :2] = True, True, True
    codes = [code_of_mask(mask) for mask in pixels]
    ids, visible = flatten(codes, [False] * 3, 4, 5)
    assert ids.tolist() == [[2] * 5, [3, 3, 2, 2, 2], [3, 3, 1, 1, 1], [1] * 5]
    assert visible == [8, 8, 4]
    ids, visible = flatten(codes, [False, False, True], 4, 5)
    assert visible == [10, 10, 0]
    with pytest.raises(DataError, match="mask is empty"):
        not_empty(code_of_mask(np.zeros((4, 5), bool)))


@pytest.mark.parametrize("size", [[48, 64], [48.0, 64.0], ["48", "64"], (48, 64)])
def test_a_size_is_read_in_every_writing(size):
    assert coco_mask.area(mask_code({"size": size, "counts": [72, 3000]}, 48, 64)) == 3000


@pytest.mark.parametrize(
    ("segmentation", "reason"),
    [
        (None, "null"),
        ("ab", "segmentation is str"),
        ([], "no polygon"),
        ([[]], "at least 3"),
        ([[10, 10, 30, 30]], "2 points"),
        ([[10, 10, 30, 10, 30]], "x, y"),
        ([[[10, 10], [30, 10], [30]]], "x, y"),
        ([[SQUARE]], "x, y"),
        ([[10, 10, 30, 10, 30, [10]]], "no finite number"),
        ([SQUARE, None], "x, y"),
        ([[10, 10, 30, 10, 30, float("nan")]], "no finite number"),
        ([[10, 10, 30, 10, 30, True]], "no finite number"),
        ([[10, 10, 30, 10, 30, 10**400]], "no finite number"),
        ([[10, 10, 30, 10, 30, 1e9]], "far outside"),
        ([[-60, -40, 120, 90] * 20000], "outline"),
        ([[-60, -40, 120, 90] * 50] * 400, "outline"),
        ({"size": [64, 48], "counts": [3072]}, "RLE of size .64, 48., the image is 48x64"),
        ({"size": [100000, 100000], "counts": [3072]}, "48x64"),
        ({"size": ["48", "sixty-four"], "counts": [3072]}, "48x64"),
        ({"size": [True, 64], "counts": [3072]}, "48x64"),
        ({"size": None, "counts": [3072]}, "missing"),
        ({"size": [48, 64]}, "missing"),
        ({"size": [48, 64], "counts": {"a": 1}}, "counts"),
        ({"size": [48, 64], "counts": [490, -20, 2602]}, "one is negative"),
        ({"size": [48, 64], "counts": [True, 3071]}, "not run lengths"),
        ({"size": [48, 64], "counts": [1.5, 3070.5]}, "not run lengths"),
        ({"size": [48, 64], "counts": [10**30]}, "not run lengths"),
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
