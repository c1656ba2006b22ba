"""Files of predictions of any model, matched with samples by the names of images."""

import json

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from tests.competitors.requests import CPU, request_for
from tests.support.data.made_scenes import made_scene
from unigs.colormap import Palette
from unigs.competitors.registry import load_competitor
from unigs.errors import DataError
from unigs.evaluation.evaluate import evaluate_predictor
from unigs.evaluation.predictions import Prediction
from unigs.evaluators.bundle import Evaluators
from unigs.metrics.average_precision import coco_scores
from unigs.samples.options import SampleOptions
from unigs.shards.build import build_shards
from unigs.shards.read import read_samples


def guesses(samples):
    """Predictions that are right here and there: the truth, a few pixels to the right."""
    found = []
    for number, sample in enumerate(samples):
        segments = np.where(sample.coarse_mask, np.roll(sample.segments, 3 * number, axis=1), 0)
        labels = np.unique(segments[segments > 0]).tolist()
        scores = {label: 1 / (1 + label + number) for label in labels}
        found.append(Prediction(segments=segments, scores=scores))
    return found


def evaluated(predictor, task, shards, out):
    values = evaluate_predictor(predictor, task, shards / task, Evaluators(), out, baselines=False)
    return values.named()


@pytest.fixture(scope="module", params=["entity", "referring"])
def run(request, shards, tmp_path_factory):
    """An evaluation whose predictions were saved: task, folder, metrics."""
    out = tmp_path_factory.mktemp(request.param)
    return request.param, out, evaluated(guesses, request.param, shards, out)


def test_results_score_as_the_predictions_that_were_saved_and_as_unigs_score(run, shards, tmp_path):
    task, out, metrics = run
    files = {"predictions": out / "results.json", "images": out / "truth.json"}
    model = load_competitor(request_for("coco-results", task, shards, **files), CPU)
    assert model.counts == {
        "n_other_images": 0, "n_missing_images": 0, **model.counts
    }  # fmt: skip
    again = evaluated(model.predictor, task, shards, tmp_path)
    assert again == pytest.approx(metrics, abs=1e-12, nan_ok=True)
    truth, results = (json.loads((out / f).read_text()) for f in ("truth.json", "results.json"))
    assert coco_scores(truth, results, class_agnostic=True)["ap"] == pytest.approx(
        again["ap_e"], abs=1e-12
    )
    assert 0 < again["miou"] < 1


def test_panoptic_files_score_as_the_predictions_that_were_saved(run, shards, tmp_path):
    task, out, metrics = run
    request = request_for("panoptic", task, shards, predictions=out / "panoptic.json")
    model = load_competitor(request, CPU)
    again = evaluated(model.predictor, task, shards, tmp_path)
    # its records have no scores, so only what is ranked by them differs
    unranked = {name: value for name, value in metrics.items() if not name.startswith("ap_e")}
    assert {name: again[name] for name in unranked} == pytest.approx(unranked, nan_ok=True)
    assert again["ap_e_constant"] == pytest.approx(metrics["ap_e_constant"])


@pytest.fixture
def photographs(tmp_path):
    """Wide scenes as square shards of half their size, and COCO files at their own size."""
    scenes = [made_scene(tmp_path, number, height=48, width=80, void=False) for number in range(3)]
    names = tuple(sorted({entity.class_name for scene in scenes for entity in scene.entities}))

    def build(**options):
        drawn = SampleOptions(Palette.from_name("smooth-2-v1"), names, 24, **options)
        for task in ("entity", "referring"):
            build_shards(scenes, task, drawn, tmp_path / task)
        return tmp_path

    numbers = {name: index for index, name in enumerate(names, start=1)}
    images = [
        {"id": 7 + n, "file_name": f"val/{scene.key}.jpg", "height": 48, "width": 80}
        for n, scene in enumerate(scenes)
    ]
    results = []
    for image, scene in zip(images, scenes, strict=True):
        for entity in scene.entities:
            code = coco_mask.encode(np.asfortranarray(scene.segments == entity.id, np.uint8))
            results.append(
                {
                    "image_id": image["id"],
                    "category_id": numbers[entity.class_name],
                    "segmentation": code | {"counts": code["counts"].decode()},
                    "score": 0.5,
                }
            )
    categories = [{"id": index, "name": name.upper()} for name, index in numbers.items()]
    listed = tmp_path / "images.json"
    listed.write_text(json.dumps({"images": images, "categories": categories}))
    return build, results, listed


def coco(results, tmp_path, images, shards, task="entity", **options):
    file = tmp_path / "results.json"
    file.write_text(json.dumps(results))
    request = request_for("coco-results", task, shards, predictions=file, images=images, **options)
    return load_competitor(request, CPU)


@pytest.mark.parametrize("task", ["entity", "referring"])
def test_masks_of_photographs_are_cropped_and_chosen_as_the_samples_were(
    photographs, tmp_path, task
):
    build, results, listed = photographs
    # an entity that touches the coarse mask is in it, as far as masks are concerned
    shards = build(min_area=0.0, inside=1e-9, negative_probability=0.4)
    model = coco(results, tmp_path, listed, shards, task)
    assert set(model.counts.values()) == {0}
    for sample, found in zip(
        read_samples(shards / task), model.predictor(list(read_samples(shards / task))), strict=True
    ):
        target = np.where(sample.coarse_mask, sample.segments, 0)
        assert np.array_equal(found.segments > 0, target > 0)
        for entity in sample.entities:
            (label,) = np.unique(found.segments[target == entity.id]).tolist()
            assert np.array_equal(found.segments == label, target == entity.id)


def test_masks_of_photographs_do_not_fit_random_crops(photographs, tmp_path):
    build, results, listed = photographs
    shards = build(random_crop=True)
    model = coco(results, tmp_path, listed, shards)
    with pytest.raises(DataError, match="48x80 pixels for a sample of 24x24 that was cropped"):
        model.predictor(list(read_samples(shards / "entity")))


def test_images_that_do_not_belong_together_are_named_and_counted(photographs, tmp_path, caplog):
    build, results, listed = photographs
    shards = build()
    content = json.loads(listed.read_text())
    content["images"][0]["file_name"] = "elsewhere.jpg"
    listed.write_text(json.dumps(content))
    stranger = results[0] | {"image_id": "stranger", "category_id": 99}
    model = coco([*results, stranger], tmp_path, listed, shards)
    assert model.counts == {"n_other_images": 2, "n_missing_images": 1, "n_unknown_classes": 1}
    assert "2 images are of no sample: elsewhere.jpg, stranger" in caplog.text
    assert "1 samples have no prediction: 000000" in caplog.text
    assert "1 categories of predictions are not listed: 99" in caplog.text
    found = model.predictor(list(read_samples(shards / "entity")))
    assert sorted(bool(one.segments.any()) for one in found) == [False, True, True]


def test_an_id_is_a_name_where_nothing_lists_it(shards, tmp_path):
    samples = list(read_samples(shards / "entity"))
    code = coco_mask.encode(np.ones((64, 64), np.uint8, order="F"))
    whole = {"segmentation": code | {"counts": code["counts"].decode()}, "score": 1}
    names = [sample.key for sample in samples]
    numbers = [int(name) if name.isdecimal() and len(name) == 12 else name for name in names]
    results = [{"image_id": number} | whole for number in numbers]
    model = coco(results, tmp_path, None, shards)
    assert model.counts == {"n_other_images": 0, "n_missing_images": 0}
    assert all((one.segments == 1).all() for one in model.predictor(samples))


def test_empty_predictions_score_nothing_found(shards, tmp_path):
    model = coco([], tmp_path, None, shards)
    metrics = evaluated(model.predictor, "entity", shards, tmp_path / "out")
    assert (metrics["miou"], metrics["n_predicted"]) == (0, 0)
    assert model.counts["n_missing_images"] == metrics["n_images"]


def test_a_limit_leaves_the_other_samples_out_of_what_is_missing(shards, tmp_path):
    samples = list(read_samples(shards / "entity"))
    code = coco_mask.encode(np.ones((64, 64), np.uint8, order="F"))
    code["counts"] = code["counts"].decode()
    last = {"image_id": samples[-1].key, "segmentation": code, "score": 1}
    model = coco([last], tmp_path, None, shards, limit=1)
    assert model.counts == {"n_other_images": 0, "n_missing_images": 1}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"score": "high"}, r"results\[1\]: score is 'high'"),
        ({"segmentation": [[0, 0, 4, 0, 4, 4]]}, "polygons of an image of unknown size"),
        ({"segmentation": {"size": [3], "counts": "0"}}, "RLE without a size"),
        ({"image_id": None}, "image_id is null"),
    ],
)
def test_a_bad_record_is_named(photographs, tmp_path, change, said):
    build, results, _ = photographs
    bad = [results[0], results[1] | change]
    with pytest.raises(DataError, match=said):
        coco(bad, tmp_path, None, build())


def test_masks_of_one_image_in_two_sizes_are_refused(photographs, tmp_path):
    build, results, _ = photographs
    code = coco_mask.encode(np.ones((24, 24), np.uint8, order="F"))
    code["counts"] = code["counts"].decode()
    other = results[0] | {"segmentation": code}
    shards = build()
    named = [one | {"image_id": "000000"} for one in (results[0], other)]
    model = coco(named, tmp_path, None, shards)
    with pytest.raises(DataError, match="image 000000: masks of 2 sizes"):
        model.predictor(list(read_samples(shards / "entity")))


def test_two_images_of_one_name_are_refused(photographs, tmp_path):
    build, results, listed = photographs
    content = json.loads(listed.read_text())
    content["images"][1]["file_name"] = content["images"][0]["file_name"]
    listed.write_text(json.dumps(content))
    with pytest.raises(DataError, match=r"images 7 and 8 are both called val/000000\.jpg"):
        coco(results, tmp_path, listed, build())
