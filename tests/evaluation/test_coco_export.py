"""Pictures that threads write."""

import json
import threading
import time
import tracemalloc
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from unigs.errors import DataError
from unigs.evaluation import coco_export
from unigs.evaluation.coco_export import PredictionFiles
from unigs.evaluation.predictions import Prediction
from unigs.io import files as files_module


def picture() -> np.ndarray:
    return np.zeros((4, 4, 3), np.uint8)


def test_an_error_of_a_thread_is_raised_and_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "images").write_text("a file where the folder is to be")
    with PredictionFiles(tmp_path) as files:
        files._write(tmp_path / "images" / "a.png", picture())
        with pytest.raises(DataError, match="images"):
            files.close()


def test_nothing_is_written_after_an_evaluation_that_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Path] = []

    def slow(path: Path, pixels: np.ndarray) -> None:
        time.sleep(0.05)
        written.append(path)

    monkeypatch.setattr(coco_export, "_write_png", slow)
    before = set(threading.enumerate())

    def fails_half_way() -> None:
        with PredictionFiles(tmp_path) as files:
            for number in range(50):
                files._write(tmp_path / f"{number}.png", picture())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails_half_way()
    assert not set(threading.enumerate()) - before
    assert len(written) < 50


def test_predictions_are_read_back(tmp_path: Path) -> None:
    image = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    segments = np.array([[0, 1], [2, 300]], np.int32).repeat(2, 0).repeat(2, 1)
    sample: Any = SimpleNamespace(key="a.v1", segments=segments)
    other: Any = SimpleNamespace(key="b", segments=segments)
    with PredictionFiles(tmp_path) as files:
        scores = {1: 0.5, 2: 0.5, 300: 0.5}
        files.add(1, other, Prediction(image=image))
        files.add(0, sample, Prediction(colormap=image, segments=segments, scores=scores))
        files.close()
    assert files.keys == ["a.v1", "b"]
    whole, bare = files.read("a.v1"), files.read("b")
    assert whole.image is None
    assert bare.segments is None
    assert bare.colormap is None
    assert np.array_equal(whole.segments, segments)
    assert np.array_equal(whole.colormap, image)
    assert np.array_equal(bare.image, image)


def test_records_do_not_stay_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files are those that one list of everything would give, and it is never held."""
    monkeypatch.setattr(files_module, "SCRATCH_IN_MEMORY", 1)
    monkeypatch.setattr(PredictionFiles, "_write", lambda *ignored: None)
    rng = np.random.default_rng(0)

    def write(count: int) -> int:
        tracemalloc.start()
        with PredictionFiles(tmp_path) as files:
            for number in reversed(range(count)):
                segments = rng.integers(0, 8, (16, 16)).astype(np.int32)
                sample: Any = SimpleNamespace(key=f"{number:03}", segments=segments)
                scores = dict.fromkeys(range(1, 8), 0.5)
                found = segments if number % 2 else None
                files.add(number, sample, Prediction(segments=found, scores=scores))
            files.close()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    less, more = write(10), write(110)
    # as lists of dictionaries 20 kB an image
    assert (more - less) / 100 < 1500
    results = json.loads((tmp_path / "results.json").read_text())
    truth = json.loads((tmp_path / "truth.json").read_text())
    panoptic = json.loads((tmp_path / "panoptic.json").read_text())
    assert [image["id"] for image in truth["images"]] == list(range(1, 111))
    assert [one["id"] for one in truth["annotations"]] == list(range(1, 110 * 7 + 1))
    assert [one["image_id"] for one in panoptic["annotations"]] == list(range(2, 111, 2))
    assert len(results) == 55 * 7
    assert (tmp_path / "truth.json").read_text() == json.dumps(truth)
