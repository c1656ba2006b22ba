"""Every metric of seeded predictions, to the digit: no change moves a figure unnoticed.

`tests/evaluation/test_distributed.py` holds the same figures for two processes.
"""

import json
import math
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import PIL
import pytest

from tests.support.evaluation.evaluated_shards import KnowingPipeline, samples
from tests.support.evaluation.toy_evaluators import exact_evaluators
from unigs.evaluation import evaluate as evaluation
from unigs.evaluation.evaluate import evaluate

# Written by `python -m tests.evaluation.test_pinned`, after a change of a definition.
PINNED = Path(__file__).with_name("pinned_metrics.json")
TASKS = ("inpainting", "synthesis", "referring", "entity")
IMAGES = 9


def write_pinned_samples(folder: Path, task: str) -> Path:
    """Write the samples of a task, which `measured` reads."""
    path = folder / f"pinned {task}.pickle"
    path.write_bytes(pickle.dumps(samples(folder / f"pinned {task}", task, IMAGES)))
    return path


def measured(file: Path, task: str, out: Path) -> dict[str, float]:
    drawn = pickle.loads(file.read_bytes())
    evaluation.read_samples = lambda shards: iter(drawn)
    pipeline = KnowingPipeline(drawn, "blurred")
    return evaluate(pipeline, task, "", exact_evaluators(), out, batch_size=4).named()


def assert_pinned(task: str, found: Mapping[str, float]) -> None:
    """Compare the figures of a task with those of the file."""
    pinned = json.loads(PINNED.read_text())
    if pinned["pillow"] != PIL.__version__:
        # Coarse masks are drawn from digests of JPEG files, which another encoder writes otherwise.
        pytest.skip(f"pinned with Pillow {pinned['pillow']}, this is {PIL.__version__}")
    expected = pinned[task]
    assert set(found) == set(expected)
    for name, value in expected.items():
        if value is None:
            assert math.isnan(found[name]), name
        else:
            assert found[name] == pytest.approx(value, rel=1e-6, abs=1e-12), name


@pytest.mark.parametrize("task", TASKS)
def test_metrics_are_what_they_were(task, tmp_path, monkeypatch):
    monkeypatch.setattr(evaluation, "read_samples", None)
    file = write_pinned_samples(tmp_path, task)
    assert_pinned(task, measured(file, task, tmp_path / "out"))


def main() -> None:
    """Write the figures of today."""
    from tempfile import TemporaryDirectory

    figures: dict[str, Any] = {"pillow": PIL.__version__}
    for task in TASKS:
        with TemporaryDirectory() as name:
            folder = Path(name)
            found = measured(write_pinned_samples(folder, task), task, folder / "out")
        figures[task] = {k: None if math.isnan(v) else v for k, v in found.items()}
    PINNED.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
