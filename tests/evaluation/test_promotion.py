"""The decision about the champion and what it is built on."""

import numpy as np
import pytest

from unigs.evaluation.metric_values import MetricValue, MetricValues, Role
from unigs.evaluation.promotion import TaskScore, decide, mean_miou, own_miou, read_scores
from unigs.metrics.bootstrap.per_image import PerImage

NOISE = np.random.default_rng(0).normal(0, 0.1, (2, 80))


def scored(**levels: float) -> dict[str, TaskScore]:
    """A model whose images score about so much in each task, the same images for all models."""
    scores = {}
    for task, level in levels.items():
        values = level + NOISE[len(task) % 2]
        images = PerImage.of({f"{k}": {"miou": (float(v), 1.0)} for k, v in enumerate(values)})
        scores[task] = TaskScore(MetricValue("miou", float(values.mean())), images)
    return scores


def test_a_model_has_one_miou_of_its_own() -> None:
    values = MetricValues(
        (
            MetricValue("n", 9.0),
            MetricValue("miou", 0.1, role=Role.CEILING, source="codec"),
            MetricValue("miou", 0.2, protocol="single"),
            MetricValue("miou", 0.5),
        )
    )
    assert own_miou(values, "entity").value == 0.5
    with pytest.raises(KeyError, match="synthesis has no mIoU"):
        own_miou(MetricValues((MetricValue("frechet_distance", 3.0, "x"),)), "synthesis")


def test_the_score_is_the_mean_of_the_tasks(tmp_path) -> None:
    model = scored(entity=0.5, referring=0.7)
    for task, score in model.items():
        (tmp_path / task).mkdir()
        MetricValues((score.miou,)).write(tmp_path / task)
        score.images.write(tmp_path / task / "image_scores.parquet")
    again = read_scores({task: tmp_path / task for task in model})
    assert mean_miou(again) == mean_miou(model) == pytest.approx(0.6, abs=0.03)


def test_the_first_model_is_promoted() -> None:
    decision = decide(scored(entity=0.1), None)
    assert decision.promoted
    assert "the first model" in decision.reason
    assert decision.differences == {}


@pytest.mark.parametrize(
    ("candidate", "promoted", "words"),
    [
        ({"entity": 0.62, "referring": 0.7}, True, "promoted: mean mIoU"),
        ({"entity": 0.61, "referring": 0.7}, False, "not promoted: mean mIoU"),
        ({"entity": 0.5, "referring": 0.7}, False, "not promoted: worse in entity -0.11"),
        # A large gain in one task does not pay for a loss in another.
        ({"entity": 0.9, "referring": 0.6}, False, "not promoted: worse in referring -0.10"),
        ({"entity": float("nan"), "referring": 0.7}, False, "not promoted"),
    ],
)
def test_only_a_better_model_is_promoted(
    candidate: dict[str, float], promoted: bool, words: str
) -> None:
    decision = decide(scored(**candidate), scored(entity=0.61, referring=0.7))
    assert decision.promoted is promoted
    assert decision.reason.startswith(words)
    assert set(decision.records()) == {"mean", "entity", "referring"}


def test_a_champion_that_saw_forgotten_images_cannot_stay() -> None:
    decision = decide(scored(entity=0.1), None, unfit="saw forgotten images")
    assert decision.promoted
    assert decision.reason.endswith("the champion saw forgotten images")
