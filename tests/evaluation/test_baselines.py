import numpy as np
import pytest

from tests.support.evaluation.evaluated_shards import SIDE, samples, scenes
from unigs.colormap import Palette
from unigs.evaluation.baselines import (
    Codec,
    CodecCeiling,
    FlatColourBaseline,
    coarse_mask_baseline,
    references,
)
from unigs.evaluation.metric_values import MetricValue, MetricValues
from unigs.metrics.entity_metrics import SegmentationMetric
from unigs.models.patch_autoencoder import PatchAutoencoder
from unigs.tasks import TASKS


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return np.stack([scene.image() for scene in scenes(tmp_path_factory.mktemp("fit"), 4)])


def test_the_coarse_mask_predicts_its_components(tmp_path):
    for sample in samples(tmp_path, "inpainting", 5):
        prediction = coarse_mask_baseline([sample])[0]
        assert np.array_equal(prediction.segments > 0, sample.coarse_mask)
        assert set(prediction.scores) == set(np.unique(prediction.segments)) - {0}
        assert (prediction.image[sample.coarse_mask] == 128).all()
        assert np.array_equal(
            prediction.image[~sample.coarse_mask], sample.image[~sample.coarse_mask]
        )


def test_flat_colours_are_the_means_of_the_classes(tmp_path):
    drawn = samples(tmp_path, "synthesis", 5)
    predictions = FlatColourBaseline(drawn)(drawn)
    pixels: dict[str, list] = {}
    for sample in drawn:
        for entity in sample.entities:
            pixels.setdefault(entity.class_name, []).extend(
                sample.image[sample.segments == entity.id]
            )
    everything = np.concatenate([sample.image.reshape(-1, 3) for sample in drawn]).mean(0)
    for sample, prediction in zip(drawn, predictions, strict=True):
        assert np.abs(prediction.image[sample.segments == 0] - everything).max(initial=0) <= 0.5
        for entity in sample.entities:
            inside = prediction.image[sample.segments == entity.id]
            assert np.abs(inside - np.mean(pixels[entity.class_name], 0)).max() <= 0.5


@pytest.mark.parametrize("task", ["entity", "referring"])
def test_the_codec_upper_bound_is_high_but_below_one(tmp_path, images, task):
    drawn = samples(tmp_path, task, 6)
    maps = np.stack([sample.colormap for sample in drawn])
    codec = Codec(PatchAutoencoder.fit(np.concatenate([images, maps]), 4, 24), Palette(grid=5))
    metric = SegmentationMetric()
    for sample, prediction in zip(drawn, CodecCeiling(codec, TASKS[task])(drawn), strict=True):
        assert prediction.colormap.shape == (SIDE, SIDE, 3)
        assert not np.array_equal(prediction.colormap, sample.colormap)
        metric.update(sample.key, sample.segments, prediction.segments)
    assert 0.5 < metric.compute()["miou"] <= 1


def test_the_codec_upper_bound_refines_latents_as_the_model_does(tmp_path, images):
    drawn = samples(tmp_path, "entity", 6)
    wanted = np.stack([sample.colormap for sample in drawn])
    autoencoder = PatchAutoencoder.fit(np.concatenate([images, wanted]), 4, 6)
    predictions = [
        CodecCeiling(Codec(autoencoder, Palette(grid=5), refine_steps=steps), TASKS["entity"])(
            drawn
        )
        for steps in (0, 5)
    ]
    plain, refined = (
        np.abs(np.stack([prediction.colormap for prediction in given]).astype(int) - wanted).mean()
        for given in predictions
    )
    assert refined < 0.95 * plain
    for one, other in zip(*predictions, strict=True):
        np.testing.assert_array_equal(one.image, other.image)


def test_references_leave_out_what_says_nothing(tmp_path):
    drawn = samples(tmp_path, "inpainting", 2)
    coarse, real = references(TASKS["inpainting"], drawn, None)
    measured = MetricValues(
        (
            MetricValue("miou", 0.5),
            MetricValue("n_images", 2.0),
            MetricValue("frechet_distance", 0.0, "net"),
            MetricValue("clip_t_full", 20.0, "net"),
        )
    )
    assert list(coarse.attribute(measured).named()) == [
        "miou.coarse_mask_baseline",
        "frechet_distance.net.coarse_mask_baseline",
        "clip_t_full.net.coarse_mask_baseline",
    ]
    # A real image is at no distance from itself: that is no value.
    assert list(real.attribute(measured).named()) == [
        "real_ceiling.miou",
        "real_ceiling.clip_t_full.net",
    ]


@pytest.mark.parametrize(
    ("task", "names"),
    [
        ("inpainting", ["coarse_mask", "real"]),
        ("synthesis", ["flat_colour", "real"]),
        ("referring", ["coarse_mask"]),
        ("entity", ["coarse_mask"]),
    ],
)
def test_each_task_has_what_means_something_for_it(tmp_path, task, names):
    found = references(TASKS[task], samples(tmp_path, task, 2), None)
    assert [reference.name for reference in found] == names
