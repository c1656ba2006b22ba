"""What a run refuses before Dagster starts, and the table at its end."""

import math
from pathlib import Path

import pytest

from pipelines.run import _parser, _run, print_table
from pipelines.runner import home
from unigs.errors import ConfigError
from unigs.evaluation.metric_values import MetricValue, MetricValues


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--dataset", "mix", "--preset", "tiny"), "mixes nothing"),
        (("--dataset", "mix", "--preset", "sd15"), "needs its folder"),
        (("--preset", "no_such"), "no preset"),
    ],
)
def test_settings_without_data_are_told_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], told: str
) -> None:
    monkeypatch.setattr(home, "prepare_home", lambda store: pytest.fail("the run began"))
    with pytest.raises(ConfigError, match=told):
        _run(_parser().parse_args([*arguments, "--store", str(tmp_path)]))


def test_the_result_printed_is_the_papers_metrics_alone(capsys: pytest.CaptureFixture[str]) -> None:
    values = MetricValues(
        (
            MetricValue("miou", 0.5),
            MetricValue("recall_50", math.nan),
            *(MetricValue(f"other{number}", 1.0) for number in range(200)),
        )
    )
    print_table({"entity": values.records()}, "joint on shapes")
    told = capsys.readouterr().out
    assert "| entity | miou |  |  | 0.500 |" in told
    assert "| entity | recall_50 |  |  | - |" in told
    assert "other" not in told
