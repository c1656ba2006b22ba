import copy
import json

import numpy as np
import pytest
from pycocotools import mask as mask_codec

from unigs.errors import ConfigError, DataError
from unigs.metrics.average_precision import coco_scores, constant_score_ap
from unigs.metrics.entity_metrics import AveragePrecisionMetric
from unigs.metrics.entity_precision import EntityMasks


def load(path):
    return json.loads(path.read_text())


def fake100(test_data):
    folder = test_data / "metrics" / "coco_fake100"
    return (
        load(folder / "instances_val2014_100.json"),
        load(folder / "instances_val2014_fakesegm100_results.json"),
    )


def test_published_fake_results_to_full_digits(test_data):
    result = coco_scores(*fake100(test_data))
    assert result["ap"] == 0.3195452758576433
    assert result["ap_50"] == 0.5622883972521636


def test_class_agnostic_fake_results_to_full_digits(test_data):
    result = coco_scores(*fake100(test_data), class_agnostic=True)
    assert result["ap"] == pytest.approx(0.3248515106600995, abs=1e-15)
    assert result["ar_100"] == pytest.approx(0.48180722891566263, abs=1e-15)


def test_detectron2_case(test_data):
    folder = test_data / "metrics" / "d2"
    result = coco_scores(load(folder / "gt_annotations.json"), load(folder / "detections.json"))
    assert result["ap"] == pytest.approx(0.7252475247524752, abs=1e-15)
    assert (result["ap_50"], result["ap_75"]) == (1, 1)


def test_inputs_stay_as_they_are(test_data):
    truth, predictions = fake100(test_data)
    before = copy.deepcopy((truth, predictions))
    coco_scores(truth, predictions, class_agnostic=True)
    assert (truth, predictions) == before


def test_nothing_is_printed(test_data, capsys):
    coco_scores(*fake100(test_data))
    assert capsys.readouterr().out == ""


SQUARES = np.kron(np.array([[1, 0], [0, 2]]), np.ones((8, 8), int))


def squares(gt_ids=(1, 2)):
    masks = EntityMasks.of("a", SQUARES, SQUARES, {1: 0.9, 2: 0.8})
    pairs = zip(masks.truth, gt_ids, strict=True)
    truth = [masks.record(runs, 0, id=number, category_id=0) for runs, number in pairs]
    pairs = zip(masks.found, masks.scores, strict=True)
    predictions = [masks.record(runs, 0, score=score, category_id=0) for runs, score in pairs]
    images = [{"id": 0, "height": 16, "width": 16}]
    return {"images": images, "annotations": truth, "categories": [{"id": 0}]}, predictions


@pytest.mark.parametrize("gt_ids", [(0, 1), (1, 0), (5, 5)])
def test_ground_truth_ids_do_not_matter(gt_ids):
    assert coco_scores(*squares(gt_ids))["ap"] == 1


def test_an_empty_mask_on_top_is_dropped_and_counted():
    metric = AveragePrecisionMetric()
    metric.update("a", SQUARES, SQUARES, {1: 0.5, 2: 0.5, 9: 1.0})
    result = metric.compute()
    assert result["ap_e"] == 1
    assert result["n_dropped_empty"] == 1


def test_no_prediction_is_zero_and_no_truth_is_nan():
    metric = AveragePrecisionMetric()
    metric.update("a", SQUARES, np.zeros_like(SQUARES), {})
    assert metric.compute()["ap_e"] == 0
    assert metric.compute()["ap_e_constant"] == 0
    metric.reset()
    metric.update("a", np.zeros_like(SQUARES), SQUARES, {1: 1.0, 2: 1.0})
    assert np.isnan(metric.compute()["ap_e"])
    assert np.isnan(metric.compute()["ap_e_constant"])
    metric.reset()
    assert np.isnan(metric.compute()["ap_e"])


def test_confidence_decides_and_constant_scores_do_not():
    good, bad = AveragePrecisionMetric(), AveragePrecisionMetric()
    wrong = np.where(SQUARES == 1, 1, 0)
    wrong[:4, 8:12] = 3
    for i in range(6):
        good.update(f"{i}", np.where(SQUARES == 1, 1, 0), wrong, {1: 0.9, 3: 0.1})
        bad.update(f"{i}", np.where(SQUARES == 1, 1, 0), wrong, {1: 0.1, 3: 0.9})
    assert good.compute()["ap_e"] == 1
    assert bad.compute()["ap_e"] < 0.6
    assert good.compute()["ap_e_constant"] == bad.compute()["ap_e_constant"]
    assert bad.compute()["ap_e"] < good.compute()["ap_e_constant"] < 1


def test_constant_score_is_the_mean_over_seeded_orders():
    truth, predictions = squares()
    assert constant_score_ap(truth, predictions, seed=1) == constant_score_ap(
        truth, predictions, seed=1
    )
    assert constant_score_ap(truth, predictions) == pytest.approx(1, abs=1e-12)


def test_masks_on_void_are_forgiven_only_in_the_variant():
    metric = AveragePrecisionMetric()
    gt = np.where(SQUARES == 1, 1, 0)
    metric.update("a", gt, SQUARES, {1: 0.1, 2: 0.9}, void=SQUARES == 2)
    result = metric.compute()
    assert result["ap_e"] == pytest.approx(0.5)
    assert result["ap_e_void_ignored"] == pytest.approx(1, abs=1e-12)


def test_any_split_over_processes_gives_the_same_bits():
    rng = np.random.default_rng(3)
    whole, left, right = (AveragePrecisionMetric() for _ in range(3))
    first = None
    for i in range(12):
        gt, pred = rng.integers(0, 4, (2, 6, 6)).repeat(3, 1).repeat(3, 2)
        scores = {label: rng.random() for label in (1, 2, 3)}
        whole.update(f"{i}", gt, pred, scores)
        (left if i % 2 else right).update(f"{i}", gt, pred, scores)
        if i == 1:  # the second prediction for an image replaces the first
            right.update("0", SQUARES, SQUARES, {1: 1.0, 2: 1.0})
            right.update("0", *first)
        first = (gt, pred, scores) if i == 0 else first
    right.merge_state(left)
    assert right.compute() == whole.compute()


def test_masks_of_another_size_and_unknown_images_are_refused():
    truth, predictions = squares()
    with pytest.raises(DataError, match="16x16"):
        coco_scores(truth, [predictions[0] | {"segmentation": {"size": [4, 4], "counts": b"04"}}])
    with pytest.raises(DataError, match="not in the ground truth"):
        coco_scores(truth, [predictions[0] | {"image_id": 99}])
    with pytest.raises(DataError, match="no score"):
        AveragePrecisionMetric().update("a", SQUARES, SQUARES, {1: 0.5})


def test_polygons_and_uncompressed_runs_are_read():
    truth, predictions = squares()
    polygon = predictions[0] | {"segmentation": [[0, 0, 8, 0, 8, 8, 0, 8]]}
    runs = predictions[1] | {"segmentation": {"size": [16, 16], "counts": [136, *[8, 8] * 7, 8]}}
    assert coco_scores(truth, [polygon, runs])["ap"] == 1


def random_case(rng):
    """Images of rectangles with copies and noise as the prediction, equal scores among them."""
    count, classes = (int(value) for value in rng.integers(1, 5, 2))
    height, width = (int(value) for value in rng.integers(5, 60, 2))

    def rectangle():
        mask = np.zeros((height, width), np.uint8, order="F")
        top, left = rng.integers(0, height), rng.integers(0, width)
        mask[top : top + rng.integers(1, height), left : left + rng.integers(1, width)] = 1
        return mask_codec.encode(mask)

    truth, predictions = [], []
    for image in range(count):
        owner = {"image_id": image}
        for _ in range(int(rng.integers(0, 6))):
            record = owner | {"id": 0, "category_id": int(rng.integers(classes))}
            crowd, area = int(rng.random() < 0.2), float(rng.integers(0, 20000))
            truth.append(record | {"segmentation": rectangle(), "iscrowd": crowd, "area": area})
        for _ in range(int(rng.integers(0, 140))):
            copied = truth and rng.random() < 0.5
            code = truth[rng.integers(len(truth))]["segmentation"] if copied else rectangle()
            record = owner | {"category_id": int(rng.integers(classes)), "segmentation": code}
            predictions.append(record | {"score": round(rng.normal(), 1)})
    images = [{"id": i, "height": height, "width": width} for i in range(count)]
    categories = [{"id": i} for i in range(classes)]
    return {"images": images, "annotations": truth, "categories": categories}, predictions


class TestFasterBackend:
    """The fast back end is the default's equal to the last bit."""

    @pytest.fixture(autouse=True)
    def _installed(self):
        pytest.importorskip("hotcoco")

    def assert_equal(self, truth, predictions, **options):
        slow = coco_scores(truth, predictions, **options)
        fast = coco_scores(truth, predictions, backend="faster", **options)
        assert np.array_equal(list(slow.values()), list(fast.values()), equal_nan=True)

    @pytest.mark.parametrize("class_agnostic", [False, True])
    def test_on_published_cases(self, test_data, class_agnostic):
        self.assert_equal(*fake100(test_data), class_agnostic=class_agnostic)
        folder = test_data / "metrics" / "d2"
        self.assert_equal(load(folder / "gt_annotations.json"), load(folder / "detections.json"))

    def test_on_crowds_ids_of_0_ties_and_more_masks_than_count(self):
        rng = np.random.default_rng(5)
        for _ in range(25):
            self.assert_equal(*random_case(rng))

    def test_with_nothing_on_either_side(self):
        truth, predictions = squares()
        self.assert_equal(truth, [])
        self.assert_equal(truth | {"annotations": []}, predictions)
        crowd = [record | {"iscrowd": 1} for record in truth["annotations"]]
        self.assert_equal(truth | {"annotations": crowd}, predictions)

    def test_another_name_is_refused(self):
        with pytest.raises(ConfigError, match="pycocotools or faster"):
            coco_scores(*squares(), backend="hotcoco")
