import copy
import json

import numpy as np
import pytest
from pycocotools import mask as mask_codec

from unigs.errors import ConfigError, DataError
from unigs.metrics import overlap_evaluation
from unigs.metrics.average_precision import coco_scores
from unigs.metrics.entity_metrics import AveragePrecisionMetric
from unigs.metrics.entity_precision import EntityOverlaps, entity_precision, precision_intervals


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


def records(labels, image, category=0, scores=None):
    """The entities of a (h, w) label map as records of COCO; those of the scores, in their order,
    where they are given."""
    for label in scores or np.unique(labels[labels > 0]).tolist():
        rle = mask_codec.encode(np.asfortranarray(labels == label, np.uint8))
        more = {} if scores is None else {"score": scores[label]}
        yield {"image_id": image, "category_id": category, "segmentation": rle} | more


def squares(gt_ids=(1, 2)):
    pairs = zip(records(SQUARES, 0), gt_ids, strict=True)
    truth = [record | {"id": number} for record, number in pairs]
    predictions = list(records(SQUARES, 0, scores={1: 0.9, 2: 0.8}))
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


def label_maps(seed, count):
    """Label maps with many entities, predictions with equal scores, some without pixels, some
    images without any truth or prediction."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        gt = rng.permutation(16).reshape(4, 4).repeat(8, 0).repeat(8, 1) % 10
        noise = rng.integers(0, 9, (16, 16)).repeat(2, 0).repeat(2, 1)
        pred = np.where(noise < rng.integers(1, 6), noise, gt)
        gt, pred = gt * (number % 5 > 0), pred * (number % 7 > 0)
        labels = rng.permutation(10)[1:]
        scores = {int(label): float(rng.integers(0, 4)) for label in labels if label}
        yield (
            gt,
            pred,
            {k: v for k, v in scores.items() if k in pred or rng.random() < 0.3}
            | {int(k): 1.0 for k in np.unique(pred[pred > 0]) if k not in scores},
        )


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_overlaps_give_the_bits_of_run_lengths(seed):
    images, truth, crowd, found, listed = {}, [], [], [], []
    void = np.zeros((32, 32), bool)
    void[:, 20:] = True
    for number, (gt, pred, scores) in enumerate(label_maps(seed, 15), start=1):
        gt = np.where(void, 0, gt) if number % 2 else gt
        here = void if number % 2 else np.zeros_like(void)
        images[f"{number:02}"] = EntityOverlaps.of("", gt, pred, scores, here)
        listed.append({"id": number, "height": 32, "width": 32})
        truth += records(gt, number, 1)
        found += records(pred, number, 1, scores)
        crowd += [record | {"iscrowd": 1} for record in records(here.astype(int), number, 1)]
    ground = {"images": listed, "categories": [{"id": 1}], "annotations": truth}
    ours, expected = entity_precision(images), coco_scores(ground, found)
    for name, theirs in (("ap_e", "ap"), ("ap_e_50", "ap_50"), ("ap_e_75", "ap_75")):
        assert ours[name] == expected[theirs]
    assert ours["ar_e_100"] == expected["ar_100"]
    assert ours["n_dropped_empty"] == expected["n_dropped_empty"] > 0
    with_void = coco_scores(ground | {"annotations": truth + crowd}, found)
    assert ours["ap_e_void_ignored"] == with_void["ap"] != expected["ap"]


def test_a_ranking_that_is_read_in_pieces_has_the_same_bits(monkeypatch):
    images = {
        f"{number:02}": EntityOverlaps.of("", *one) for number, one in enumerate(label_maps(4, 14))
    }
    whole = entity_precision(images), precision_intervals(images, 50)
    monkeypatch.setattr(overlap_evaluation, "_AT_ONCE", 3)
    monkeypatch.setattr(overlap_evaluation, "_RANKED", 5)
    assert (entity_precision(images), precision_intervals(images, 50)) == whole
    assert whole[1]["ap_e"].low < whole[0]["ap_e"] < whole[1]["ap_e"].high


def test_constant_score_is_the_mean_over_seeded_orders():
    images = {
        f"{number}": EntityOverlaps.of("", *one) for number, one in enumerate(label_maps(3, 12))
    }
    first, again, other = (entity_precision(images, seed=k)["ap_e_constant"] for k in (1, 1, 2))
    assert first == again != other
    # Of equal scores COCOeval makes one ranking, by the order of the images.
    ranked = {key: EntityOverlaps(one.iou, np.ones(len(one.scores))) for key, one in images.items()}
    assert first == pytest.approx(entity_precision(ranked)["ap_e"], abs=0.05)


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
