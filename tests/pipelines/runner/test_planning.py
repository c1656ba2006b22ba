"""A run that cannot fit is refused before it is launched."""

import json

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


class Planned:
    """A plan that is made at once."""

    def __init__(self, told):
        self.told = told

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def communicate(self):
        return json.dumps(self.told), None

    def kill(self):
        pass


def test_a_run_that_fitted_is_planned_again_only_when_something_changed(tmp_path, monkeypatch):
    told = {"problems": [], "disk_bytes": 1000}
    commands = []
    monkeypatch.setattr(
        module.subprocess, "Popen", lambda command, **k: commands.append(command) or Planned(told)
    )
    root = tmp_path / "photographs"
    root.mkdir()
    arguments = ["--store", str(tmp_path / "store"), "--root", str(root)]
    (tmp_path / "store").mkdir()
    for _ in range(2):
        assert problems(*arguments) == []
        assert len(commands) == 1
    assert problems(*arguments, "--set=training.batch_size=4") == []
    assert problems(*arguments) == []
    (root / "new.json").write_text("{}")
    assert problems(*arguments) == []
    assert len(commands) == 4
    told["disk_bytes"] = 1 << 62
    assert problems(*arguments, "--train-steps", "3") == []
    assert problems(*arguments, "--train-steps", "3") == []
    assert len(commands) == 6, "the space that was free then is not free now"
    told["problems"] = ["does not fit"]
    for _ in range(2):
        assert problems(*arguments, "--train-steps", "4") == ["does not fit"]
    assert len(commands) == 8
