import json
import shutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from unigs.errors import DataError
from unigs.metrics.entity_metrics import PanopticMetric
from unigs.metrics.panoptic import panoptic_scores
from unigs.metrics.panoptic_quality import average, count_segments, per_class


def sample(test_data, agnostic=False):
    folder = test_data / "metrics" / "panopticapi_sample"
    kind = "_agnostic" if agnostic else ""
    return (
        folder / f"panoptic_examples{kind}.json",
        folder / "panoptic_examples",
        folder / f"pred_roll{kind}.json",
        folder / "pred_roll",
    )


def expected(test_data, which):
    path = test_data / "metrics" / "panopticapi_sample" / "expected_roll_5_3.json"
    return json.loads(path.read_text())[which]


def test_class_aware_equals_panopticapi(test_data):
    averages, counts = expected(test_data, "roll_5_3_class_aware")
    result = panoptic_scores(*sample(test_data))
    for name in ("pq", "sq", "rq"):
        assert result[name] == pytest.approx(averages["All"][name], abs=1e-15)
    assert [result["tp"], result["fp"], result["fn"]] == counts[:3]
    assert result["pq_things"] == pytest.approx(averages["Things"]["pq"], abs=1e-15)
    assert result["pq_stuff"] == pytest.approx(averages["Stuff"]["pq"], abs=1e-15)
    assert result["n_classes"] == averages["All"]["n"]


@pytest.mark.parametrize("written_so", [True, False])
def test_class_agnostic_equals_panopticapi(test_data, written_so):
    averages, counts = expected(test_data, "roll_5_3_class_agnostic")
    result = panoptic_scores(*sample(test_data, written_so), class_agnostic=not written_so)
    for name in ("pq", "sq", "rq"):
        assert result[name] == pytest.approx(averages["All"][name], abs=1e-15)
    assert [result["tp"], result["fp"], result["fn"]] == counts[:3] == [41, 7, 6]


def test_truth_against_itself_is_perfect(test_data):
    gt_json, gt_dir, _, _ = sample(test_data)
    result = panoptic_scores(gt_json, gt_dir, gt_json, gt_dir)
    assert (result["pq"], result["fp"], result["fn"]) == (1, 0, 0)


def quality(*arguments, **options):
    return average(per_class([count_segments(*arguments, **options)]).values())


label_maps = arrays(np.int32, (7, 7), elements=st.integers(0, 4))


@given(st.lists(st.tuples(label_maps, label_maps), min_size=1, max_size=4))
def test_counts_add_up_and_merge(pairs):
    whole, left, right = PanopticMetric(), PanopticMetric(), PanopticMetric()
    for i, (gt, pred) in enumerate(pairs):
        whole.update(f"{i}", gt, pred)
        (left if i % 2 else right).update(f"{i}", gt, pred)
    right.merge_state(left)
    result = whole.compute()
    assert np.array_equal(list(right.compute().values()), list(result.values()), equal_nan=True)
    entities = sum(np.unique(gt[gt > 0]).size for gt, _ in pairs)
    assert result["tp"] + result["fn"] == entities
    if result["tp"] + result["fp"] + result["fn"]:
        assert result["pq"] == pytest.approx(result["sq"] * result["rq"], abs=1e-12)


def test_a_wrong_class_is_missed_and_extra():
    labels = np.array([[1, 1, 2, 2]])
    result = quality(labels, labels, {1: 7, 2: 8}, {1: 7, 2: 9})
    assert (result["tp"], result["fp"], result["fn"]) == (1, 1, 1)
    assert result["pq"] == pytest.approx(1 / 3)


def test_predictions_on_void_and_crowd_are_excused():
    gt = np.array([[1, 1, 0, 0, 3, 3]])
    pred = np.array([[1, 1, 2, 2, 4, 4]])
    excused = quality(gt, pred, crowd={3: 1})
    assert excused["fp"] == excused["fn"] == 0
    assert quality(gt, pred, {1: 1}, {4: 5, 1: 1, 2: 1}, crowd={3: 1})["fp"] == 1


def test_background_that_is_no_void_counts():
    gt = np.array([[1, 1, 0, 0, 0, 0]])
    pred = np.array([[1, 1, 1, 0, 2, 2]])
    metric = PanopticMetric()
    metric.update("a", gt, pred, void=np.zeros_like(gt))
    assert metric.compute()["fp"] == 1
    assert metric.compute()["sq"] == pytest.approx(2 / 3)
    metric.update("a", gt, pred)
    assert (metric.compute()["fp"], metric.compute()["sq"]) == (0, 1)


def test_files_that_disagree_are_named(test_data, tmp_path):
    gt_json, gt_dir, pred_json, pred_dir = sample(test_data)
    folder = shutil.copytree(pred_dir, tmp_path / "pred")
    prediction = json.loads(pred_json.read_text())
    prediction["annotations"][0]["segments_info"].pop()
    changed = tmp_path / "pred.json"
    changed.write_text(json.dumps(prediction))
    with pytest.raises(DataError, match=r"000000142238\.png"):
        panoptic_scores(gt_json, gt_dir, changed, folder)
    (folder / "000000439180.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"000000439180\.png"):
        panoptic_scores(gt_json, gt_dir, pred_json, folder)
    prediction["annotations"] = []
    changed.write_text(json.dumps(prediction))
    with pytest.raises(DataError, match="no prediction for image"):
        panoptic_scores(gt_json, gt_dir, changed, folder)
    with pytest.raises(DataError, match=r"missing\.json: does not read"):
        panoptic_scores(tmp_path / "missing.json", gt_dir, pred_json, folder)


def test_unlabelled_pixels_of_another_size_are_named():
    segments = np.ones((3, 3), int)
    with pytest.raises(DataError, match=r"void is \(2, 2\)"):
        count_segments(segments, segments, void=np.ones((2, 2), bool))
