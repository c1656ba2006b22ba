import json

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask
from typer.testing import CliRunner

from unigs.cli.score import score
from unigs.errors import DataError


def run(*arguments):
    result = CliRunner().invoke(score, [str(part) for part in arguments], catch_exceptions=True)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    ("flags", "ap"), [((), 0.3195452758576433), (("--class-agnostic",), 0.3248515106600995)]
)
def test_segmentation(test_data, flags, ap):
    folder = test_data / "metrics" / "coco_fake100"
    files = (
        "--gt", folder / "instances_val2014_100.json",
        "--pred", folder / "instances_val2014_fakesegm100_results.json",
    )  # fmt: skip
    result = run("segmentation", *files, *flags, "--json")
    assert result["ap"] == pytest.approx(ap, abs=1e-15)
    for name in ("ap", "ap_50", "ap_75", "ar_100"):
        assert result[f"{name}.ci_low"] < result[name] < result[f"{name}.ci_high"]
    assert result["notes"] == []


def test_panoptic(test_data):
    folder = test_data / "metrics" / "panopticapi_sample"
    files = (
        "--gt", folder / "panoptic_examples.json", "--gt-dir", folder / "panoptic_examples",
        "--pred", folder / "pred_roll.json", "--pred-dir", folder / "pred_roll",
    )  # fmt: skip
    result = run("panoptic", *files, "--json")
    assert result["pq"] == pytest.approx(0.6248881517020974, abs=1e-15)
    assert (result["tp"], result["fp"], result["fn"]) == (41, 6, 6)
    for name in ("pq", "sq", "rq", "pq_things", "pq_stuff"):
        assert result[f"{name}.ci_low"] < result[name] < result[f"{name}.ci_high"]
    assert result["notes"][0].startswith("2 images: intervals are too narrow")
    beside = (*files[:2], *files[4:6])  # the folders are where they are looked for if not given
    assert run("panoptic", *beside, "--json") == result
    result = run("panoptic", *files, "--class-agnostic", "--json")
    assert result["pq.ci_low"] < result["pq"] < result["pq.ci_high"]
    assert "pq_things.ci_low" not in result


def test_a_single_image_has_no_interval(tmp_path):
    images = [{"id": 1, "height": 4, "width": 6}]
    truth, predictions = tmp_path / "truth.json", tmp_path / "results.json"
    content = {"images": images, "annotations": [mask_record(1, 0)], "categories": [{"id": 1}]}
    truth.write_text(json.dumps(content))
    files = ("--gt", truth, "--pred", predictions, "--json")
    for found in ([], [mask_record(1, 0, score=0.5)]):
        predictions.write_text(json.dumps(found))
        for command, name in (("segmentation", "ap"), ("masks", "miou")):
            result = run(command, *files)
            assert result[name] == pytest.approx(len(found))
            assert result[f"{name}.ci_low"] is result[f"{name}.ci_high"] is None
            assert result["notes"][0].startswith("1 image(s): no interval")


def test_frechet_needs_no_weights(tmp_path):
    rng = np.random.default_rng(0)
    for name, top in (("a", 256), ("b", 128)):
        (tmp_path / name).mkdir()
        for i in range(5):
            pixels = rng.integers(0, top, (16 + i, 16, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{i}.png")
    same = run("frechet", "--a", tmp_path / "a", "--b", tmp_path / "a", "--json")
    assert same["frechet_distance"] == pytest.approx(0, abs=1e-9)
    other = run("frechet", "--a", tmp_path / "a", "--b", tmp_path / "b", "--json")
    assert other["frechet_distance"] > 1
    for name in ("frechet_distance", "kid"):
        assert other[f"{name}.ci_low"] < other[name] < other[f"{name}.ci_high"]
    # five images of 192 dimensions do not tell what infinitely many would give
    assert other["frechet_distance_infinity"] is None
    distance, few = other["notes"]
    assert distance.startswith("frechet_distance: 5 images, 192 dimensions: ")
    assert few.startswith("5 images: intervals are too narrow")
    assert (other["n_a"], other["n_b"], other["features"]) == (5, 5, "pixels-8")


def test_frechet_uses_or_names_every_file_of_a_folder(tmp_path):
    rng = np.random.default_rng(0)
    endings = ("png", "webp", "TIFF", "bmp", "jpg", "tif")
    for index, ending in enumerate(endings):
        pixels = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{index}.{ending}")
    (tmp_path / "._0.png").write_bytes(b"side file")
    (tmp_path / "notes.txt").write_text("")
    result = run("frechet", "--a", tmp_path, "--b", tmp_path, "--json")
    assert (result["n_a"], result["n_b"]) == (6, 6)
    assert result["skipped"] == [str(tmp_path / "notes.txt")] * 2


def test_frechet_sees_photographs_upright(tmp_path):
    tall = np.random.default_rng(0).integers(0, 256, (24, 16, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[274] = 6
    for name, pixels, record in (("a", tall, None), ("b", np.rot90(tall), exif)):
        (tmp_path / name).mkdir()
        for number in range(2):
            shifted = np.ascontiguousarray(pixels + np.uint8(9 * number))
            options = {"exif": record} if record else {}
            Image.fromarray(shifted).save(tmp_path / name / f"{number}.png", **options)
    result = run("frechet", "--a", tmp_path / "a", "--b", tmp_path / "b", "--json")
    assert result["frechet_distance"] == pytest.approx(0, abs=1e-9)


def test_the_faster_backend_is_an_option(test_data):
    pytest.importorskip("hotcoco")
    folder = test_data / "metrics" / "d2"
    files = ("--gt", folder / "gt_annotations.json", "--pred", folder / "detections.json")
    slow = run("segmentation", *files, "--json")
    assert run("segmentation", *files, "--backend", "faster", "--json") == slow


def test_bad_files_are_named(tmp_path):
    truth = tmp_path / "gt.json"
    truth.write_text('{"images": [{"id": 1, "height": 2}], "annotations": [], "categories": []}')
    (tmp_path / "pred.json").write_text("[]")
    with pytest.raises(DataError, match=r"gt\.json: images\[0\]: without width"):
        run("segmentation", "--gt", truth, "--pred", tmp_path / "pred.json", "--json")
    truth.write_text('{"images": [], "annotations": [], "categories": []}')
    with pytest.raises(DataError, match="not a list"):
        run("segmentation", "--gt", truth, "--pred", truth, "--json")
    result = run("segmentation", "--gt", truth, "--pred", tmp_path / "pred.json", "--json")
    assert result["ap"] is None
    with pytest.raises(DataError, match=r"nowhere\.json: does not read"):
        run("segmentation", "--gt", tmp_path / "nowhere.json", "--pred", truth, "--json")
    with pytest.raises(DataError, match="no image"):
        run("frechet", "--a", tmp_path, "--b", tmp_path, "--json")


def mask_record(image, left, **fields):
    """A record of a mask of 4x6 pixels: columns `left` and the one after it."""
    pixels = np.zeros((4, 6), np.uint8, order="F")
    pixels[:, left : left + 2] = 1
    code = coco_mask.encode(pixels)
    rle = {"size": [4, 6], "counts": code["counts"].decode()}
    return {"image_id": image, "segmentation": rle, "category_id": 1, **fields}


def test_masks_names_and_counts_what_does_not_belong_together(tmp_path, capsys):
    images = [{"id": n, "height": 4, "width": 6} for n in (1, 2)]
    kinds = [{"id": 1, "name": "dog"}, {"id": 2, "name": "cat"}]
    records = [mask_record(1, 0), mask_record(1, 3, category_id=2), mask_record(2, 0)]
    truth, predictions = tmp_path / "truth.json", tmp_path / "results.json"
    content = {"images": images, "annotations": records, "categories": kinds}
    truth.write_text(json.dumps(content))
    found = [mask_record(1, 1, score=0.5), mask_record(9, 0, score=0.5, category_id=7)]
    predictions.write_text(json.dumps(found))
    result = run("masks", "--gt", truth, "--pred", predictions, "--json")
    # of three entities one is met by a third
    assert result["miou"] == pytest.approx(1 / 9)
    assert result["miou.ci_low"] <= result["miou"] <= result["miou.ci_high"]
    assert result["recall_50"] == 0
    counts = {"n_entities": 3, "n_predicted": 1, "n_images": 2, "n_crowd": 0, "n_empty_gt": 0}
    assert {name: result[name] for name in counts} == counts
    assert (result["n_other_images"], result["other_images"]) == (1, ["9"])
    assert (result["n_missing_images"], result["missing_images"]) == (1, ["2"])
    assert result["classes_only_in_truth"] == ["cat"]
    assert result["classes_only_in_predictions"] == ["7"]


def test_masks_of_nothing_are_zero_and_of_no_entity_null(tmp_path):
    truth, predictions = tmp_path / "truth.json", tmp_path / "results.json"
    images = [{"id": 1, "height": 4, "width": 6}]
    truth.write_text(json.dumps({"images": images, "annotations": [mask_record(1, 0)]}))
    predictions.write_text("[]")
    result = run("masks", "--gt", truth, "--pred", predictions, "--json")
    assert (result["miou"], result["recall_50"], result["n_predicted"]) == (0, 0, 0)
    truth.write_text(json.dumps({"images": images, "annotations": []}))
    assert run("masks", "--gt", truth, "--pred", predictions, "--json")["miou"] is None
    truth.write_text(json.dumps({"images": [], "annotations": []}))
    with pytest.raises(DataError, match=r"truth\.json: no image"):
        run("masks", "--gt", truth, "--pred", predictions)


def test_masks_reads_panoptic_files_on_either_side(test_data):
    folder = test_data / "metrics" / "panopticapi_sample"
    files = folder / "panoptic_examples.json", folder / "pred_roll.json"
    result = run("masks", "--gt", files[0], "--pred", files[1], "--json")
    assert result["n_other_images"] == result["n_missing_images"] == 0
    assert 0.5 < result["miou"] < 1
    same = run("masks", "--gt", files[0], "--pred", files[0], "--json")
    assert same["miou"] == same["recall_50"] == 1
    away = "--gt-dir", folder / "panoptic_examples", "--pred-dir", folder / "pred_roll"
    assert run("masks", "--gt", files[0], "--pred", files[1], *away, "--json") == result
