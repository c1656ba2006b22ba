"""What a run refuses before Dagster starts, and the table at its end."""

import math
from pathlib import Path

import pytest

from pipelines.automation.requests import run_config
from pipelines.run import command_line, print_table, run, settings_from
from pipelines.runner import home
from resources.run_settings import GraphSettings
from resources.store import Store
from unigs.errors import UnigsError
from unigs.evaluation.metric_values import MetricValue, MetricValues


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--dataset", "mix", "--preset", "tiny"), "mixes nothing"),
        (("--dataset", "mix", "--preset", "sd15"), "needs its folder"),
        (("--preset", "no_such"), "no preset"),
        (("--set", "training.stepps=5"), r"did you mean training\.steps\?"),
        (("--set", "training.steps"), "give NAME=VALUE"),
        (("--preset", "sd15", "--root", "/", "--set", "checkpoint=/"), r"no vae/config\.json"),
    ],
)
def test_settings_without_data_are_told_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], told: str
) -> None:
    monkeypatch.setattr(home, "prepare_home", lambda store: pytest.fail("the run began"))
    with pytest.raises(UnigsError, match=told):
        run(command_line().parse_args([*arguments, "--store", str(tmp_path)]))


def test_overrides_reach_the_run_typed_and_as_they_were_given(tmp_path: Path) -> None:
    place = f"{tmp_path}/my models/a=b"
    given = ["--set", f"checkpoint={place}", "--set", "training.steps=5", "--preset", "sd15"]
    settings = settings_from(command_line().parse_args([*given, "--train-steps", "7"]))
    assert settings.overrides == {"checkpoint": place, "training.steps": 5}
    repeated = run_config(Store(root=str(tmp_path)), settings)["resources"]["settings"]["config"]
    preset = GraphSettings(**repeated).values
    assert (preset.checkpoint, preset.training.steps) == (place, 7)
    assert preset.overrides == {"checkpoint": place, "training.steps": 7}


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
