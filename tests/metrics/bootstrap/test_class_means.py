"""Means over classes: against the metric itself on a data set that repeats the drawn images."""

import json
from collections import Counter

import numpy as np
import pytest

from unigs.metrics.average_precision import coco_scores
from unigs.metrics.bootstrap.draws import (
    around,
    class_mean,
    draw_weights,
    few_images_note,
    interval,
)
from unigs.metrics.bootstrap.quality import resampled_quality
from unigs.metrics.panoptic_quality import average, per_class


def tallies(count=9, classes=5, seed=0):
    """Sums and counts of a few classes an image, some of them in one image alone."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        tally = {}
        for name in np.flatnonzero(rng.random(classes) < 0.4).tolist():
            counts = rng.integers(0, 3, 3).tolist()
            if any(counts):
                tally[name] = (float(counts[0] * rng.uniform(0.5, 1)), *counts)
        yield tally


def test_a_draw_has_the_quality_of_a_data_set_that_repeats_images():
    images, weights = list(tallies()), draw_weights(9, draws=40)
    things = [1, 3]
    every, of_things = resampled_quality(images, weights, [None, things])
    for number, row in enumerate(weights):
        repeated = [one for one, times in zip(images, row, strict=True) for _ in range(times)]
        totals = per_class(repeated)
        whole = average(totals.values())
        chosen = average(one for name, one in totals.items() if name in things)
        for name in ("pq", "sq", "rq"):
            for drawn, expected in ((every, whole), (of_things, chosen)):
                value = pytest.approx(expected[name], abs=1e-12, nan_ok=True)
                assert drawn[name][number] == value


def test_images_without_a_segment_have_no_quality():
    (drawn,) = resampled_quality([{}, {}], draw_weights(2, draws=3), [None])
    assert all(np.isnan(values).all() and len(values) == 3 for values in drawn.values())


def masks(test_data):
    folder = test_data / "metrics" / "coco_fake100"
    names = ("instances_val2014_100", "instances_val2014_fakesegm100_results")
    truth, results = (json.loads((folder / f"{name}.json").read_text()) for name in names)
    # Without equal scores in an image, whose order differs in one that is drawn twice.
    return truth, [one | {"score": one["score"] + k * 1e-7} for k, one in enumerate(results)]


def repeated(truth, results, row):
    """The data set in which image number i, by its id, is ``row[i]`` times."""
    images, annotations, found = [], [], []
    for image, times in zip(sorted(one["id"] for one in truth["images"]), row, strict=True):
        for _ in range(times):
            number = {"image_id": len(images) + 1}
            (own,) = (one for one in truth["images"] if one["id"] == image)
            images.append(own | {"id": len(images) + 1})
            for records, kept in ((truth["annotations"], annotations), (results, found)):
                kept += [one | number for one in records if one["image_id"] == image]
    annotations = [one | {"id": number} for number, one in enumerate(annotations, 1)]
    return truth | {"images": images, "annotations": annotations}, found


@pytest.mark.parametrize("backend", ["pycocotools", "faster"])
@pytest.mark.parametrize("class_agnostic", [True, False])
def test_a_draw_has_the_ap_of_a_data_set_that_repeats_images(
    test_data, monkeypatch, class_agnostic, backend
):
    if backend == "faster":
        pytest.importorskip("hotcoco")
    truth, results = masks(test_data)
    options = {"class_agnostic": class_agnostic, "backend": backend}
    plain = coco_scores(truth, results, **options)
    row = np.random.default_rng(1).multinomial(100, [0.01] * 100)
    weights = row[None].astype(np.uint16)
    monkeypatch.setattr("unigs.metrics.average_precision.draw_weights", lambda images: weights)
    monkeypatch.setattr("unigs.metrics.average_precision.around", lambda value, values, n: values)
    found = coco_scores(truth, results, intervals=True, **options)
    expected = coco_scores(*repeated(truth, results, row), **options)
    for name in ("ap", "ap_50", "ap_75", "ar_100"):
        assert found[f"{name}.ci_low"] == pytest.approx(expected[name], abs=1e-12)
        assert found[name] == plain[name] != expected[name]


def test_the_ends_do_not_change_the_values_and_are_the_same_each_time(test_data):
    first, second = (coco_scores(*masks(test_data), intervals=True) for _ in range(2))
    assert first == second
    plain = coco_scores(*masks(test_data))
    assert {name: first[name] for name in plain} == plain


def test_classes_without_a_value_do_not_count():
    found = class_mean([[1.0, np.nan, np.nan], [3.0, 2.0, np.nan]])
    assert found[:2].tolist() == [2, 2]
    assert np.isnan(found[2])


def test_draws_of_a_mean_over_classes_lie_around_the_value():
    many = [10**9]
    moved = around(0.5, [0.6, 0.8, np.nan], many)
    assert moved[:2] == pytest.approx([0.4, 0.6])
    assert np.isnan(moved[2])
    assert np.isnan(around(0.5, [np.nan], many)).all()


@pytest.mark.parametrize(
    ("images", "factor"), [([2], 2), ([1], 2), ([5, 5], 5 / 4), ([2, 5], (2 + 5 / 4) / 2)]
)
def test_classes_in_few_images_vary_more_than_their_draws(images, factor):
    drawn = np.array([0.4, 0.5, 0.6])
    assert around(0.5, drawn, images).std() == pytest.approx(drawn.std() * factor**0.5)


class Photographs:
    """Sets of images, of each of which the PQ of what many others have is known to within noise."""

    def __init__(self, count, classes=20, seed=0):
        self.rng, self.count = np.random.default_rng(seed), count
        self.shape = (count, classes)
        self.often = np.minimum(0.8, 1.2 / np.arange(1, classes + 1))
        self.easy = self.rng.normal(0, 0.8, classes)

    def sums(self):
        """(images, 4, classes): summed IoU, found, invented and missed segments."""
        rng, shape = self.rng, self.shape
        entities = np.where(rng.random(shape) < self.often, rng.geometric(0.5, shape), 0)
        easy = rng.normal(0, 1, (self.count, 1)) + rng.normal(0, 0.6, shape) + self.easy
        chance = 1 / (1 + np.exp(-easy))
        hits = rng.binomial(entities, chance)
        extra = rng.binomial(entities + (rng.random(shape) < 0.03), 0.35 * (1 - chance) + 0.05)
        iou = hits * np.clip(0.75 + 0.06 * easy, 0.5, 1)
        return np.stack([iou, hits, extra, entities - hits], axis=1)

    def pq(self):
        iou, hits, extra, missed = self.sums().sum(0)
        counted = hits + (extra + missed) / 2
        return (iou[counted > 0] / counted[counted > 0]).mean()

    def tallies(self):
        for image in self.sums():
            yield {k: tuple(one) for k, one in enumerate(image.T.tolist()) if any(one)}


def test_intervals_of_a_mean_over_classes_contain_it_as_often_as_they_say():
    sets, repeats, inside, widths = Photographs(50), 600, 0, []
    others = np.array([sets.pq() for _ in range(4000)])
    for number in range(repeats):
        images = list(sets.tallies())
        value = average(per_class(images).values())["pq"]
        (drawn,) = resampled_quality(images, draw_weights(50, 300, number), [None])
        occurs = Counter(name for one in images for name in one)
        moved = around(value, drawn["pq"], [*occurs.values()])
        found = interval(moved)
        inside += found.low <= others.mean() <= found.high
        widths.append(moved.std())
    assert np.mean(widths) == pytest.approx(others.std(), rel=0.05)
    assert 0.93 <= inside / repeats <= 0.97


def test_draws_of_a_score_stay_within_it_and_equal_ones_are_the_value():
    many = [10**9]
    assert around(0.99, [0.9, 0.94, 0.98], many).tolist() == pytest.approx([0.95, 0.99, 1.0])
    alike = around(0.9, [0.9000000000000001, 0.9000000000000001, np.nan], many)
    assert alike[:2].tolist() == [0.9, 0.9]


@pytest.mark.parametrize(("images", "said"), [(1, "no interval"), (19, "too narrow"), (20, "")])
def test_few_images_are_said(images, said):
    note = few_images_note(images)
    assert said in note
    assert bool(note) == bool(said)
