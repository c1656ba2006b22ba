"""Every metric of seeded predictions, to the digit: no change moves a figure unnoticed."""

import json
import math
from pathlib import Path
from typing import Any

import PIL
import pytest

from tests.support.evaluated_shards import KnowingPipeline, samples
from tests.support.toy_evaluators import toy_evaluators
from unigs.evaluation import evaluate as evaluation
from unigs.evaluation.evaluate import evaluate

# Written by `python -m tests.evaluation.test_pinned`, after a change of a definition.
PINNED = Path(__file__).with_name("pinned_metrics.json")
TASKS = ("inpainting", "synthesis", "referring", "entity")
IMAGES = 9


def measured(folder: Path, task: str) -> dict[str, float]:
    drawn = samples(folder / "scenes", task, IMAGES)
    evaluation.read_samples = lambda shards: iter(drawn)
    pipeline = KnowingPipeline(drawn, "blurred")
    return evaluate(pipeline, task, folder, toy_evaluators(), folder / "out", batch_size=4).named()


@pytest.mark.parametrize("task", TASKS)
def test_metrics_are_what_they_were(task, tmp_path, monkeypatch):
    monkeypatch.setattr(evaluation, "read_samples", None)
    pinned = json.loads(PINNED.read_text())
    if pinned["pillow"] != PIL.__version__:
        # Coarse masks are drawn from digests of JPEG files, which another encoder writes otherwise.
        pytest.skip(f"pinned with Pillow {pinned['pillow']}, this is {PIL.__version__}")
    expected = pinned[task]
    found = measured(tmp_path, task)
    assert set(found) == set(expected)
    for name, value in expected.items():
        if value is None:
            assert math.isnan(found[name]), name
        else:
            # Networks' features differ by rounding between processors.
            assert found[name] == pytest.approx(value, rel=1e-4 if "toy-clip" in name else 1e-6), (
                name
            )


def main() -> None:
    """Write the figures of today."""
    from tempfile import TemporaryDirectory

    figures: dict[str, Any] = {"pillow": PIL.__version__}
    for task in TASKS:
        with TemporaryDirectory() as folder:
            found = measured(Path(folder), task)
        figures[task] = {k: None if math.isnan(v) else v for k, v in found.items()}
    PINNED.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
