"""A run that cannot fit is refused before it is launched."""

import pytest

from pipelines.run import _parser
from pipelines.runner import planning as module
from pipelines.runner.planning import planning

FEW = ["--set=data.size=32", "--set=data.train_scenes=6", "--set=data.val_scenes=2"]


def problems(*arguments):
    with planning(_parser().parse_args([*FEW, *arguments])) as found:
        return found()


@pytest.mark.slow
def test_a_batch_beyond_the_memory_is_told_with_its_remedy(tmp_path):
    found = problems("--store", str(tmp_path), "--set=training.batch_size=2097152")
    assert len(found) == 1
    assert "it would fit with training.accumulation: " in found[0]


@pytest.mark.slow
def test_what_cannot_be_planned_is_left_to_the_run(tmp_path):
    assert problems("--store", str(tmp_path), "--dataset", "coco_panoptic") == []


def test_a_continued_run_is_not_planned_again(monkeypatch):
    monkeypatch.setattr(module.subprocess, "Popen", lambda *a, **k: pytest.fail("planned"))
    assert problems("--from-failure") == []
