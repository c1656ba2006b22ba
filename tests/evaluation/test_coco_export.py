"""Pictures that threads write."""

import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from unigs.errors import DataError
from unigs.evaluation import coco_export
from unigs.evaluation.coco_export import PredictionFiles
from unigs.evaluation.predictions import Prediction


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
