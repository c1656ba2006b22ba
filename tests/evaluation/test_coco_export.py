"""Pictures that threads write."""

import threading
import time
from pathlib import Path

import numpy as np
import pytest

from unigs.errors import DataError
from unigs.evaluation import coco_export
from unigs.evaluation.coco_export import PredictionFiles


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
