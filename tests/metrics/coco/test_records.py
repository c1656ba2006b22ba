import json

import pytest

from tests.support.data.coco_case import CODE, EMPTY, POLYGON, results, truth
from unigs.errors import DataError
from unigs.metrics.average_precision import coco_scores
from unigs.metrics.coco.json_files import read_ground_truth, read_results
from unigs.metrics.coco.records import checked_truth

PERFECT = pytest.approx(1, abs=1e-12)
NAN, INFINITE = float("nan"), float("inf")
HUGE = 2**70


def without(record, *names):
    for name in names:
        record.pop(name)
    return record


def test_a_missing_or_null_area_is_computed():
    for content in (truth(), truth(annotations__area=None)):
        without(content["annotations"][0], *(["area"] if content == truth() else []))
        assert checked_truth(content).annotations[0]["area"] == 400
        assert coco_scores(content, results())["ap"] == PERFECT


def test_boxes_and_further_fields_are_used_for_nothing():
    content = truth(annotations__bbox=None)
    without(content["annotations"][0], "id", "iscrowd")
    assert coco_scores(content, results(bbox="none", area=NAN))["ap"] == PERFECT


def test_a_truth_without_pixels_is_counted_and_costs_nothing():
    content = truth()
    content["annotations"].append(content["annotations"][0] | {"id": 2, "segmentation": EMPTY})
    scores = coco_scores(content, results())
    assert (scores["ap"], scores["n_empty_gt"]) == (PERFECT, 1)


@pytest.mark.parametrize("one", [0, -3, HUGE, 1.0, "a", "1"])
def test_ids_are_any_number_or_text(one):
    content = truth(
        images__id=one, annotations__image_id=one, annotations__category_id=one, categories__id=one
    )
    assert coco_scores(content, results(image_id=one, category_id=one))["ap"] == PERFECT


def test_a_text_finds_the_number_it_says_when_only_that_is_listed():
    assert coco_scores(truth(), results(image_id="1", category_id="1"))["ap"] == PERFECT
    both = truth()
    both["images"].append(both["images"][0] | {"id": "1"})
    assert coco_scores(both, results(image_id=1))["ap"] == PERFECT
    assert coco_scores(both, results(image_id="1"))["ap"] == 0


@pytest.mark.parametrize(
    ("said", "crowd"), [("1", 1), ("true", 1), (True, 1), (1.0, 1), ("0", 0), (None, 0)]
)
def test_crowd_is_read_in_every_writing(said, crowd):
    assert checked_truth(truth(annotations__iscrowd=said)).annotations[0]["iscrowd"] == crowd


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"annotations__segmentation": None}, r"annotations\[0\]: segmentation is null"),
        ({"annotations__segmentation": CODE | {"size": [100000, 100000]}}, "48x64"),
        ({"annotations__area": NAN}, "area is nan"),
        ({"annotations__area": True}, "area is true"),
        ({"annotations__area": "400"}, "area is '400'"),
        ({"annotations__iscrowd": 2}, "iscrowd is 2"),
        ({"annotations__image_id": 7}, "image 7 is not in the ground truth"),
        ({"annotations__image_id": [1]}, "image_id is a list"),
        ({"annotations__category_id": 7}, "category 7 is not in the ground truth"),
        ({"annotations__category_id": None}, "category_id is null"),
        ({"annotations": {"1": []}}, "no list of annotations"),
        ({"annotations": [None]}, r"annotations\[0\]: is null"),
        ({"annotations": [[]]}, r"annotations\[0\]: is a list"),
        ({"annotations": [{"image_id": 1}]}, "without category_id, segmentation"),
        ({"categories": None}, "no list of categories"),
        ({"categories": []}, "category 1 is not in the ground truth"),
        ({"categories": ["cat"]}, r"categories\[0\]"),
        ({"images__id": {"a": 1}}, r"images\[0\]: id is an object"),
        ({"images__id": True}, "id is true"),
        ({"images__id": NAN}, "id is nan"),
        ({"images__width": "64"}, "width is '64'"),
        ({"images__width": -1}, "width is -1"),
        ({"images__width": 64.5}, "width is 64.5"),
        ({"images__width": True}, "width is true"),
        ({"images__width": 100000, "images__height": 100000}, "100000x100000 pixels"),
        ({"images__height": 10**12}, "height is 1000000000000"),
        ({"images": [{"id": 1, "width": 64, "height": 48}] * 2}, "image 1 is listed twice"),
        ({"categories": [{"id": 1}, {"id": 1}]}, "category 1 is listed twice"),
    ],
)
def test_a_bad_truth_is_told_in_one_line(changes, reason):
    with pytest.raises(DataError, match=reason) as caught:
        coco_scores(truth(**changes), results(), names=("gt.json", "pred.json"))
    assert str(caught.value).startswith("gt.json: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"score": None}, "score is null"),
        ({"score": NAN}, "score is nan"),
        ({"score": INFINITE}, "score is inf"),
        ({"score": "0.9"}, "score is '0.9'"),
        ({"score": True}, "score is true"),
        ({"score": 10**400}, "score is 1000"),
        ({"segmentation": None}, "segmentation is null"),
        ({"segmentation": [POLYGON]}, "not a list of x, y"),
        ({"segmentation": CODE | {"counts": [490, -20, 2602]}}, "one is negative"),
        ({"segmentation": CODE | {"counts": CODE["counts"][:-3] + "n^6"}}, "covers"),
        ({"segmentation": CODE | {"counts": f"b'{CODE['counts']}'"}}, "counts.decode"),
        ({"image_id": 7}, "image 7"),
        ({"image_id": {}}, "image_id is an object"),
        ({"category_id": 7}, "category 7 is not in the ground truth"),
    ],
)
def test_a_bad_result_is_told_in_one_line(changes, reason):
    with pytest.raises(DataError, match=reason) as caught:
        coco_scores(truth(), results(**changes), names=("gt.json", "pred.json"))
    assert str(caught.value).startswith("pred.json: results[0]: ")
    assert "\n" not in str(caught.value)


def test_categories_do_not_matter_where_all_are_one():
    content = truth(categories=[], annotations__category_id=None)
    assert coco_scores(content, results(category_id=9), class_agnostic=True)["ap"] == PERFECT


def test_a_file_is_read_in_the_encodings_of_json(tmp_path):
    for number, encoding in enumerate(("utf-8-sig", "utf-16", "utf-8")):
        path = tmp_path / f"{number}.json"
        path.write_text(json.dumps(results()), encoding=encoding)
        assert read_results(path) == results()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "file is empty"),
        (b" \n", "file is empty"),
        (b"[" * 200_000, "does not read: nested too deeply"),
        (b'{"images": ', "does not read"),
        (b"\xff\x00\xff", "does not read"),
        (b"[" + b"9" * 5000 + b"]", "does not read"),
    ],
)
def test_a_file_that_is_no_json_is_told(tmp_path, data, reason):
    path = tmp_path / "gt.json"
    path.write_bytes(data)
    with pytest.raises(DataError, match=rf"gt\.json: {reason}") as caught:
        read_ground_truth(path)
    assert "\n" not in str(caught.value)
    with pytest.raises(DataError, match="does not read"):
        read_ground_truth(tmp_path)
