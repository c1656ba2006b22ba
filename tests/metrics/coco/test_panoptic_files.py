import copy
import json

import numpy as np
import pytest
from PIL import Image

from tests.support.data.coco_case import SQUARE
from unigs.errors import DataError
from unigs.metrics.panoptic import panoptic_scores

CONTENT = {
    "images": [{"id": 1, "file_name": "a.jpg", "width": 64, "height": 48}],
    "annotations": [
        {
            "image_id": 1,
            "file_name": "a.png",
            "segments_info": [{"id": 7, "category_id": 1, "area": 400, "iscrowd": 0}],
        }
    ],
    "categories": [{"id": 1, "name": "cat", "isthing": 1}],
}


@pytest.fixture
def files(tmp_path):
    """Truth and prediction, alike; the prediction can be changed."""
    pixels = np.stack([SQUARE * 7, SQUARE * 0, SQUARE * 0], -1)
    for name in ("gt", "pred"):
        (tmp_path / name).mkdir()
        Image.fromarray(pixels).save(tmp_path / name / "a.png")
        (tmp_path / f"{name}.json").write_text(json.dumps(CONTENT))
    return tmp_path


def score(folder, **options):
    paths = (folder / "gt.json", folder / "gt", folder / "pred.json", folder / "pred")
    return panoptic_scores(*paths, **options)


def change(folder, name, edit):
    content = copy.deepcopy(CONTENT)
    edit(content)
    (folder / f"{name}.json").write_text(json.dumps(content))


def test_alike_is_perfect(files):
    result = score(files)
    assert (result["pq"], result["pq_things"], result["tp"]) == (1, 1, 1)


def test_a_byte_order_mark_and_texts_as_ids_are_read(files):
    def edit(content):
        content["annotations"][0] |= {"image_id": "1"}
        content["annotations"][0]["segments_info"][0] |= {"category_id": "1", "iscrowd": "0"}

    change(files, "pred", edit)
    text = (files / "pred.json").read_text()
    (files / "pred.json").write_text(text, encoding="utf-8-sig")
    assert score(files)["pq"] == 1


def test_a_number_and_a_text_are_two_images_where_the_truth_lists_both(files):
    def edit(content):
        content["annotations"].append(content["annotations"][0] | {"image_id": "1"})

    def edit_badly(content):
        edit(content)
        content["annotations"][0] |= {"file_name": "b.png", "segments_info": []}

    Image.new("RGB", (64, 48)).save(files / "pred" / "b.png")
    change(files, "pred", edit)
    with pytest.raises(DataError, match=r"annotations\[1\]: image '1' is listed as a number and"):
        score(files)
    change(files, "gt", edit)
    assert score(files)["tp"] == 2
    change(files, "pred", edit_badly)
    assert (score(files)["tp"], score(files)["fn"]) == (1, 1)


def test_categories_may_lack_where_all_are_one(files):
    change(files, "gt", lambda content: content.pop("categories"))
    assert score(files, class_agnostic=True)["pq"] == 1
    with pytest.raises(DataError, match=r"gt\.json: no list of categories"):
        score(files)


def set_info(**fields):
    return lambda content: content["annotations"][0]["segments_info"][0].update(fields)


def set_record(**fields):
    return lambda content: content["annotations"][0].update(fields)


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (lambda c: c.update(annotations={"1": []}), "no list of annotations"),
        (lambda c: c.update(annotations=[[]]), r"annotations\[0\]: is a list"),
        (lambda c: c["annotations"].extend(c["annotations"]), "image 1 is listed twice"),
        (lambda c: c["annotations"].append(c["annotations"][0] | {"image_id": 2}), "image 2"),
        (lambda c: c["annotations"].clear(), "no prediction for image 1"),
        (set_record(image_id=[1]), "image_id is a list"),
        (set_record(file_name=7), "file_name is 7"),
        (set_record(file_name="../a.png"), r"file name '../a\.png' is not a plain relative path"),
        (set_record(file_name="b.png"), "cannot be read"),
        (set_record(segments_info={}), "no list of segments_info"),
        (set_record(segments_info=[7]), "is 7, not an object"),
        (set_info(id="7a"), "'id' should be int, is a text"),
        (set_info(id=True), "'id' should be int, is a truth value"),
        (set_info(id=2**24), "id 16777216 is not in 1..16777215"),
        (set_info(id=8), "only one of PNG and JSON"),
        (set_info(category_id=5), "category 5, which the truth does not list"),
        (set_info(category_id={}), "category_id is an object"),
        (set_info(iscrowd=7), "iscrowd is 7"),
    ],
)
def test_a_bad_record_is_told_in_one_line(files, edit, reason):
    change(files, "pred", edit)
    with pytest.raises(DataError, match=reason) as caught:
        score(files)
    assert "pred" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bad_pictures_are_named(files):
    path = files / "pred" / "a.png"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"pred/a\.png"):
        score(files)
    Image.fromarray(SQUARE).save(path)
    with pytest.raises(DataError, match=r"a\.png: not an 8-bit RGB PNG"):
        score(files)
    Image.open(files / "gt" / "a.png").resize((32, 48)).save(path)
    with pytest.raises(DataError, match="48x32, its truth 48x64"):
        score(files)
