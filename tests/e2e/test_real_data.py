"""The whole graph on real photos: any aspect ratio, crowd regions, 133 classes."""

from pathlib import Path

import pytest

from tests.e2e.command import TASKS, result_of, unigs

pytestmark = pytest.mark.e2e


def test_coco_excerpt_goes_through_to_metrics(test_data: Path, tmp_path: Path) -> None:
    done = unigs(
        "run", "--dataset", "coco_panoptic", "--root", test_data / "coco", "--preset", "tiny",
        "--train-steps", "20", "--set", "evaluation.evaluator_passes=1", "--store", tmp_path,
        "--json",
    )  # fmt: skip
    result = result_of(done)
    assert tuple(result["metrics"]) == TASKS
    assert all(values["n"] >= 25 for values in result["metrics"].values())
    assert not list((tmp_path / "coco_panoptic-tiny" / "raw").rglob("*.jpg"))
