"""Files of masks in COCO's formats, matched image by image."""

import json

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from unigs.errors import DataError
from unigs.evaluation.coco_export import CATEGORIES
from unigs.io.annotations.segment_ids import id_to_rgb
from unigs.metrics.coco.mask_files import read_masks
from unigs.metrics.mask_scores import code_overlap, compare_masks
from unigs.metrics.matching import match, overlap
from unigs.metrics.segmentation import segmentation_scores

SIZE = (20, 30)


def label_map(seed, count=5):
    rng = np.random.default_rng(seed)
    segments = np.zeros(SIZE, np.int32)
    for label in range(1, count + 1):
        top, left = rng.integers(0, 14), rng.integers(0, 22)
        segments[top : top + 6, left : left + 8] = label
    return segments


def codes_of(segments):
    labels = np.unique(segments[segments > 0]).tolist()
    return [coco_mask.encode(np.asfortranarray(segments == k, np.uint8)) for k in labels]


def plain(code):
    return code | {"counts": code["counts"].decode()}


def write(folder, name, kind, maps):
    """Label maps by image id in one of the three formats."""
    file = folder / f"{name}.json"
    codes = [(image, code) for image, one in maps.items() for code in codes_of(one)]
    masks = [{"image_id": i, "category_id": 1, "segmentation": plain(code)} for i, code in codes]
    images = [{"id": image, "height": SIZE[0], "width": SIZE[1]} for image in maps]
    common = {"images": images, "categories": CATEGORIES}
    if kind == "results":
        file.write_text(json.dumps([mask | {"score": 0.5} for mask in masks]))
    elif kind == "instances":
        file.write_text(json.dumps(common | {"annotations": masks}))
    else:
        from PIL import Image

        (folder / name).mkdir()
        records = []
        for image, one in maps.items():
            Image.fromarray(id_to_rgb(one)).save(folder / name / f"{image}.png")
            infos = [{"id": k, "category_id": 1} for k in np.unique(one[one > 0]).tolist()]
            records.append({"image_id": image, "file_name": f"{image}.png", "segments_info": infos})
        file.write_text(json.dumps(common | {"annotations": records}))
    return file


@pytest.mark.parametrize("truth", ["instances", "panoptic"])
@pytest.mark.parametrize("found", ["instances", "panoptic", "results"])
def test_any_two_formats_score_as_label_maps_do(tmp_path, truth, found):
    true = {number: label_map(number) for number in (1, 2, 12)}
    predicted = {number: label_map(number + 50, 7) for number in true}
    files = write(tmp_path, "truth", truth, true), write(tmp_path, "found", found, predicted)
    scores = compare_masks(*map(read_masks, files)).scores()
    expected = segmentation_scores(match(true[n], predicted[n]) for n in true)
    assert {name: scores[name] for name in expected} == pytest.approx(expected, abs=0)
    assert scores["other_images"] == scores["missing_images"] == []
    assert scores["classes_only_in_truth"] == scores["classes_only_in_predictions"] == []
    assert 0 < scores["miou"] < 1


def test_overlap_of_codes_is_that_of_pixels_to_the_last_one():
    one, other = label_map(3, 8), label_map(4, 6)
    whole, coded = overlap(one, other), code_overlap(codes_of(one), codes_of(other))
    for name in ("intersection", "gt_area", "pred_area"):
        assert np.array_equal(getattr(coded, name), getattr(whole, name))
    nothing = code_overlap(codes_of(one), [])
    assert nothing.intersection.shape == (len(whole.gt_labels), 0)


def test_masks_that_overlap_keep_all_their_pixels(tmp_path):
    whole, half = np.ones(SIZE, np.int32), np.ones(SIZE, np.int32)
    half[:10] = 0
    records = [
        {"image_id": 1, "category_id": 1, "segmentation": plain(codes_of(one)[0])}
        for one in (whole, half)
    ]
    truth = tmp_path / "truth.json"
    images = [{"id": 1, "height": SIZE[0], "width": SIZE[1]}]
    truth.write_text(json.dumps({"images": images, "annotations": records}))
    file = tmp_path / "found.json"
    file.write_text(json.dumps([record | {"score": 1} for record in records]))
    assert compare_masks(read_masks(truth), read_masks(file)).scores()["miou"] == 1


def test_crowds_and_empty_masks_are_left_out_and_counted(tmp_path):
    truth = write(tmp_path, "truth", "instances", {1: label_map(0, 3)})
    content = json.loads(truth.read_text())
    content["annotations"][0]["iscrowd"] = 1
    content["annotations"][1]["segmentation"] = {"size": list(SIZE), "counts": [600]}
    truth.write_text(json.dumps(content))
    file = read_masks(truth)
    scores = compare_masks(file, file).scores()
    assert (scores["n_entities"], scores["n_crowd"]) == (1, 1)
    assert (scores["n_empty_gt"], scores["n_empty_pred"]) == (1, 1)


@pytest.mark.parametrize("found", ["instances", "panoptic", "results"])
def test_masks_of_another_size_are_refused(tmp_path, found, monkeypatch):
    truth = write(tmp_path, "truth", "panoptic", {1: label_map(0)})
    monkeypatch.setattr("tests.metrics.test_mask_scores.SIZE", (20, 31))
    file = write(tmp_path, "found", found, {1: label_map(0)})
    with pytest.raises(DataError, match=r"20x31|20, 31"):
        compare_masks(read_masks(truth), read_masks(file))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("7", "not COCO's instances, results or panoptic JSON"),
        ("{}", "no list of images"),
        ('{"images": [{"id": 1}], "annotations": []}', "without height, width"),
        ('[{"image_id": 1}]', r"results\[0\]: without segmentation"),
        (
            '{"images": [{"id": 1, "height": 2, "width": 2}], "annotations":'
            ' [{"image_id": 2, "segmentation": []}]}',
            r"annotations\[0\]: image 2 is not listed",
        ),
    ],
)
def test_a_file_that_is_none_of_the_formats_is_named(tmp_path, content, said):
    file = tmp_path / "file.json"
    file.write_text(content)
    with pytest.raises(DataError, match=said):
        compare_masks(read_masks(file), read_masks(file))


@pytest.mark.parametrize("kind", ["instances", "panoptic"])
@pytest.mark.parametrize("categories", [-1, True, "cat"])
def test_categories_that_are_no_list_are_refused(tmp_path, kind, categories):
    file = write(tmp_path, "truth", kind, {1: label_map(0)})
    file.write_text(json.dumps(json.loads(file.read_text()) | {"categories": categories}))
    with pytest.raises(DataError, match="no list of categories") as told:
        read_masks(file)
    assert str(file) in str(told.value)
