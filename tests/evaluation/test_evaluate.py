import json

import numpy as np
import pytest
from PIL import Image

from tests.support.evaluation.evaluated_shards import KnowingPipeline, samples
from tests.support.evaluation.toy_evaluators import toy_evaluators
from unigs.errors import DataError
from unigs.evaluation import evaluate as evaluation
from unigs.evaluation.evaluate import evaluate
from unigs.evaluation.grid import grid_height
from unigs.evaluation.metric_values import MetricValues
from unigs.evaluation.predictions import PipelinePredictor, Prediction, task_inputs
from unigs.evaluators.bundle import Evaluators
from unigs.evaluators.dual_encoder import DualEncoder
from unigs.evaluators.feature_cache import FeatureCache
from unigs.metrics.average_precision import coco_scores
from unigs.metrics.panoptic import panoptic_scores
from unigs.tasks import TASKS

COUNT = 6


@pytest.fixture(scope="module")
def evaluators():
    return toy_evaluators()


@pytest.fixture
def evaluated(evaluators, tmp_path, monkeypatch):
    def run(task, worth, **options):
        drawn = samples(tmp_path / "scenes", task, COUNT)
        monkeypatch.setattr(evaluation, "read_samples", lambda folder: iter(drawn))
        pipeline = KnowingPipeline(drawn, worth)
        arguments = {"batch_size": 4, **options}
        values = evaluate(pipeline, task, tmp_path, evaluators, tmp_path / "out", **arguments)
        return values.named()

    return run


@pytest.mark.parametrize("task", ["inpainting", "referring", "entity"])
def test_the_truth_scores_perfectly(evaluated, task):
    metrics = evaluated(task, "truth")
    for key in ("miou", "miou_image", "recall_50", "ar", "pixel_recall", "pq", "sq", "rq"):
        assert metrics[key] == 1, key
    assert metrics["ap_e"] == pytest.approx(1, abs=1e-12)
    assert metrics["ap_e_constant"] == pytest.approx(1, abs=1e-12)
    assert metrics["n"] == COUNT


@pytest.mark.parametrize("task", ["inpainting", "synthesis"])
def test_real_images_are_at_distance_zero(evaluated, task):
    metrics = evaluated(task, "truth")
    assert metrics["frechet_distance.toy-clip.00000000"] == pytest.approx(0, abs=1e-9)
    assert metrics["clip_i_region.toy-clip.00000000"] == pytest.approx(100, abs=1e-4)
    own = metrics["clip_t_full.toy-clip.00000000"]
    assert own == pytest.approx(metrics["real_ceiling.clip_t_full.toy-clip.00000000"])
    assert "fid" not in metrics
    # The photograph predicts no masks, so it has no score in them.
    assert "real_ceiling.miou" not in metrics


def test_synthesis_is_evaluated_by_the_segmenter_with_real_images_as_upper_bound(evaluated):
    truth, noise = evaluated("synthesis", "truth"), evaluated("synthesis", "noise")
    key = "miou.colours.00000000"
    assert truth[key] == truth[f"real_ceiling.{key}"] > 0.8
    assert noise[key] < 0.3
    assert noise[f"real_ceiling.{key}"] == truth[f"real_ceiling.{key}"]
    flat = f"{key}.flat_colour_baseline"
    assert 0.5 < noise[flat] <= 1
    distance = "frechet_distance.toy-clip.00000000"
    assert noise[distance] > truth[f"{distance}.flat_colour_baseline"] > truth[distance]
    assert "miou" not in truth


@pytest.mark.parametrize("task", ["inpainting", "referring", "entity"])
def test_nothing_scores_nothing_and_noise_little(evaluated, task):
    nothing, noise = evaluated(task, "nothing"), evaluated(task, "noise")
    for key in ("miou", "recall_50", "ap_e", "pq", "n_predicted"):
        assert nothing[key] == 0, key
    assert 0 < noise["miou"] < 0.4
    assert noise["recall_50"] < 0.4
    assert nothing["miou.coarse_mask_baseline"] == noise["miou.coarse_mask_baseline"] > 0


@pytest.mark.parametrize("task", list(TASKS))
def test_metrics_do_not_depend_on_the_batch(evaluated, task):
    first, second = evaluated(task, "noise", batch_size=1), evaluated(task, "noise", batch_size=5)
    assert list(first) == list(second)
    assert list(first.values()) == pytest.approx(list(second.values()), abs=1e-4, nan_ok=True)
    other = evaluated(task, "noise", seed=1)
    assert list(other.values()) != pytest.approx(list(first.values()), abs=1e-4, nan_ok=True)


def test_limit_and_progress(evaluated):
    steps = []
    metrics = evaluated("entity", "truth", limit=3, batch_size=2, progress=steps.append)
    assert metrics["n"] == metrics["n_images"] == 3
    assert steps == [2, 1]


def test_baselines_can_be_left_out(evaluated):
    assert not [
        key for key in evaluated("inpainting", "truth", baselines=False) if "baseline" in key
    ]


def test_other_tools_get_the_same_metrics_from_the_files(evaluated, tmp_path):
    metrics = evaluated("entity", "noise")
    out = tmp_path / "out"
    assert MetricValues.read(out).named() == pytest.approx(metrics, nan_ok=True)
    written = json.loads((out / "metrics.json").read_text())
    assert written == {k: None if np.isnan(v) else v for k, v in metrics.items()}
    truth = json.loads((out / "truth.json").read_text())
    results = json.loads((out / "results.json").read_text())
    assert coco_scores(truth, results)["ap"] == metrics["ap_e"]
    files = (out / "truth_panoptic", out / "panoptic")
    scores = panoptic_scores(out / "truth_panoptic.json", files[0], out / "panoptic.json", files[1])
    assert scores["pq"] == metrics["pq"]
    assert len(list((out / "images").iterdir())) == COUNT
    grid = Image.open(out / "grid.png")
    # Predictions of noise: five different places in the order of the six.
    assert grid.size == (7 * 128, grid_height(5))


@pytest.mark.parametrize(
    ("task", "given"),
    [
        ("inpainting", {"image", "coarse_mask", "prompt"}),
        ("synthesis", {"colormap", "prompt"}),
        ("referring", {"image", "coarse_mask", "prompt"}),
        ("entity", {"image"}),
    ],
)
def test_a_pipeline_is_given_what_table_2_says(tmp_path, task, given):
    drawn = samples(tmp_path, task, 3)
    assert set(task_inputs(task, drawn)) == given
    if task == "inpainting":
        seen = np.asarray(task_inputs(task, drawn)["image"][0])
        assert (seen[drawn[0].coarse_mask] == 128).all()


def test_absent_names_are_looked_at_apart(evaluators, tmp_path, monkeypatch):
    drawn = samples(tmp_path / "scenes", "referring", 12, negative_probability=0.5)
    assert 0 < sum(bool(sample.absent) for sample in drawn) < 12
    monkeypatch.setattr(evaluation, "read_samples", lambda folder: iter(drawn))
    known = KnowingPipeline(drawn)
    metrics = evaluate(known, "referring", tmp_path, evaluators, tmp_path / "out").named()
    assert metrics["absent.n_images"] == sum(bool(sample.absent) for sample in drawn)
    assert metrics["absent.extra_entities"] == 0
    told = KnowingPipeline(drawn, "too much")
    worse = evaluate(told, "referring", tmp_path, evaluators, tmp_path / "out").named()
    assert worse["absent.extra_entities"] > 0


def test_shards_of_another_task_and_empty_ones_are_refused(evaluators, tmp_path, monkeypatch):
    drawn = samples(tmp_path / "scenes", "entity", 2)
    monkeypatch.setattr(evaluation, "read_samples", lambda folder: iter(drawn))
    with pytest.raises(DataError, match="give the shards of referring"):
        evaluate(KnowingPipeline(drawn), "referring", tmp_path, evaluators, tmp_path)
    with pytest.raises(DataError, match="no sample"):
        evaluate(KnowingPipeline(drawn), "entity", tmp_path, evaluators, tmp_path, limit=0)


def test_each_sample_has_its_own_seed(tmp_path):
    drawn = samples(tmp_path, "entity", 3)
    source = PipelinePredictor(KnowingPipeline(drawn, "noise"), "entity", seed=5)
    together = source(drawn)
    alone = [source([sample])[0] for sample in reversed(drawn)][::-1]
    for a, b in zip(together, alone, strict=True):
        assert isinstance(a, Prediction)
        assert np.array_equal(a.segments, b.segments)
    assert not np.array_equal(together[0].segments, together[1].segments)


def test_progress_counts_the_samples_of_all_processes(evaluated, monkeypatch):
    monkeypatch.setattr(evaluation, "rank_and_world", lambda: (0, 2))
    told = []
    evaluated("entity", "truth", batch_size=2, progress=told.append)
    assert told == [2, 2, 2]


def test_real_photographs_are_embedded_once_for_all_models(tmp_path, monkeypatch):
    drawn = samples(tmp_path / "scenes", "inpainting", COUNT)
    monkeypatch.setattr(evaluation, "read_samples", lambda folder: iter(drawn))
    real = {sample.image.tobytes() for sample in drawn}
    seen: list[bytes] = []

    class Watched(DualEncoder):
        """Notes the whole images that it embeds, crops aside."""

        def embed_images(self, images, *options):
            seen.extend(image.tobytes() for image in images)
            return super().embed_images(images, *options)

    def run(name, worth, cache):
        seen.clear()
        toy = toy_evaluators().dual_encoder
        encoder = Watched(toy.model, toy.tokenizer, toy.name, key="weights")
        evaluators = Evaluators(encoder, cache=cache)
        pipeline = KnowingPipeline(drawn, worth)
        # their own upper bounds would show the photographs as a model's images
        options = {"batch_size": 4, "baselines": False}
        named = evaluate(pipeline, "inpainting", "", evaluators, tmp_path / name, **options).named()
        return named, sum(image in real for image in seen), len(seen)

    folder = tmp_path / "features"
    _, first, embedded = run("one", "noise", FeatureCache(folder))
    assert first == COUNT
    values, again, left = run("two", "noise", FeatureCache(folder))
    assert again == 0
    # nor is a crop of a photograph
    assert left <= embedded - 2 * COUNT
    plain, uncached, _ = run("three", "noise", None)
    assert uncached == COUNT
    assert values == pytest.approx(plain, rel=1e-4, abs=1e-5, nan_ok=True)
