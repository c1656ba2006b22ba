import json
import shutil
import zipfile

import numpy as np
import pytest

from unigs.comparison.evaluation import TRUTH, Evaluation
from unigs.comparison.models import compare_models
from unigs.comparison.packed import pack, unpack
from unigs.errors import DataError
from unigs.evaluation.evaluate import IMAGE_SCORES
from unigs.evaluation.metric_values import VALUES_FILE
from unigs.metrics.bootstrap.per_image import PerImage


@pytest.fixture
def scores(folders, tmp_path):
    """The scores of the poor model's evaluation, without its predictions."""
    place = tmp_path / "kept"
    place.mkdir()
    for name in (VALUES_FILE, IMAGE_SCORES):
        shutil.copy(folders[1] / name, place / name)
    return place


def test_what_was_packed_is_compared_as_the_folder_is(folders, drawn, scores, tmp_path):
    pack(folders[1], tmp_path / "some.zip", count=4)
    unpack(tmp_path / "some.zip", scores)
    kept, whole = Evaluation.read(scores, "kept"), Evaluation.read(folders[1], "whole")
    assert list(kept.files) == sorted(sample.key for sample in drawn)[:4]
    for key in kept.files:
        assert np.array_equal(kept.labels(key), whole.labels(key))
        assert np.array_equal(kept.truth(key), whole.truth(key))
        assert kept.picture("colormaps", key).is_file()
    (task,) = compare_models({"t": folders[0]}, {"t": scores}, ("a", "b"), None, 6)
    assert len(task.shown["images"]) == 4


def test_without_predictions_there_are_metrics_alone(folders, scores):
    (task,) = compare_models({"t": folders[0]}, {"t": scores}, ("a", "b"), None, 6)
    assert task.metrics[0].count > 4
    assert (task.shown["images"], task.shown["sizes"]) == ([], [])


def test_generated_images_are_packed_as_small_as_they_are_shown(folders, tmp_path):
    from PIL import Image

    place = shutil.copytree(folders[1], tmp_path / "large")
    name = json.loads((place / TRUTH).read_text())["images"][0]["file_name"]
    (place / "images").mkdir(exist_ok=True)
    Image.new("RGB", (600, 300)).save(place / "images" / name)
    pack(place, tmp_path / "packed.zip")
    with zipfile.ZipFile(tmp_path / "packed.zip").open(f"images/{name}") as stream:
        assert Image.open(stream).size == (128, 64)


def test_what_is_no_evaluation_or_damaged_is_one_line(tmp_path):
    with pytest.raises(DataError, match="no evaluation"):
        pack(tmp_path, tmp_path / "packed.zip")
    (tmp_path / "packed.zip").write_bytes(b"PK")
    with pytest.raises(DataError, match="no predictions"):
        unpack(tmp_path / "packed.zip", tmp_path)


@pytest.mark.parametrize(
    ("metric", "counted"), [("miou", "true entities"), ("pixel_recall", "pixels of true entities")]
)
def test_evaluations_of_other_truths_are_not_compared(folders, tmp_path, metric, counted):
    other = tmp_path / "referring"
    shutil.copytree(folders[1], other)
    scores = PerImage.read(other / IMAGE_SCORES)
    key = scores.keys[0]
    scores.parts[metric][0, 1] += 2
    scores.write(other / IMAGE_SCORES)
    with pytest.raises(DataError, match=rf"{key} has \d+ {counted} in one evaluation"):
        compare_models({"t": folders[0]}, {"t": other}, ("a", "b"), None, 6)
