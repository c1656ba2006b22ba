"""The gate's verdict and what it is built on."""

import pytest

from assets_defs.gate import decide, gate_score
from unigs.evaluation.metric_values import MetricValue, MetricValues, Role


def measured(*values: MetricValue) -> MetricValues:
    return MetricValues(values)


def test_score_is_the_mean_of_each_tasks_own_miou() -> None:
    values = {
        "entity": measured(
            MetricValue("n", 9.0),
            MetricValue("miou", 0.1, role=Role.CEILING, source="codec"),
            MetricValue("miou", 0.2, protocol="single"),
            MetricValue("miou", 0.5),
            MetricValue("recall_50", 1.0),
        ),
        "synthesis": measured(
            MetricValue("frechet_distance", 3.0, "x"),
            MetricValue("miou", 0.7, "shapes-segmenter.1a2b"),
        ),
    }
    assert gate_score(values) == pytest.approx(0.6)


def test_a_task_without_miou_is_an_error() -> None:
    with pytest.raises(KeyError, match="synthesis has no mIoU"):
        gate_score({"synthesis": measured(MetricValue("frechet_distance", 3.0, "x"))})


@pytest.mark.parametrize(
    ("candidate", "best", "promoted", "words"),
    [
        (0.1, None, True, "the first model"),
        (0.62, 0.61, True, "the champion has 0.6100"),
        (0.61, 0.61, False, "not promoted"),
        (0.5, 0.61, False, "not promoted: mean mIoU 0.5000, the champion has 0.6100"),
    ],
)
def test_only_a_better_model_is_promoted(
    candidate: float, best: float | None, promoted: bool, words: str
) -> None:
    verdict, reason = decide(candidate, best)
    assert verdict is promoted
    assert words in reason


def test_a_model_without_meaning_never_wins() -> None:
    promoted, _ = decide(float("nan"), 0.1)
    assert not promoted


def test_a_champion_that_saw_forgotten_images_cannot_stay() -> None:
    verdict, reason = decide(0.5, None, tainted=True)
    assert verdict is True
    assert reason == "promoted: mean mIoU 0.5000, the champion saw forgotten images"
