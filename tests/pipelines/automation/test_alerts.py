"""What ended in failure is told, once, by the code location that it belongs to."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest

from assets_defs.run.partitions import settings_tags
from pipelines.automation import alerts, channels
from pipelines.automation.alerts import alerts_of, failed_checks, is_of
from pipelines.automation.channels import LOG, Alert
from resources.run_settings import GraphSettings
from resources.store import Store
from tests.pipelines.automation.conftest import CANARY

pytestmark = pytest.mark.usefixtures("quick_channels")


@dg.asset
def raw() -> None:
    raise ValueError("no such folder")


@dg.asset(check_specs=[dg.AssetCheckSpec("mean_is_better", asset="gate")])
def gate() -> dg.MaterializeResult:
    said = "not better: -0.01 [-0.02, 0.00]"
    check = dg.AssetCheckResult(
        check_name="mean_is_better", passed=False, severity=dg.AssetCheckSeverity.WARN,
        description=said,
    )  # fmt: skip
    return dg.MaterializeResult(check_results=[check])


class Happened:
    """Runs on an instance of its own, and the looks of the sensor of a code location."""

    def __init__(self, store: Store, instance: dg.DagsterInstance, **settings: str) -> None:
        self.store, self.instance = store, instance
        self.settings = GraphSettings(**settings)
        self.cursor: str | None = None
        self.look()

    def run(self, asset: dg.AssetsDefinition, **tags: str) -> str:
        return dg.materialize(
            [asset],
            instance=self.instance,
            raise_on_error=False,
            tags=settings_tags(self.settings) | tags,
        ).run_id

    def look(self) -> str:
        context = dg.build_sensor_context(self.instance, cursor=self.cursor)
        said = alerts_of(self.settings, self.store)(context)
        assert isinstance(said, dg.SensorResult)
        self.cursor = said.cursor
        return str(said.skip_reason.skip_message)  # type: ignore[union-attr]

    def told(self) -> list[dict[str, Any]]:
        log = self.store.base / "logs" / LOG
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(root=str(tmp_path / "store"))


@pytest.fixture
def happened(store: Store) -> Iterator[Happened]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Happened(store, instance)


def test_a_failed_run_is_told_with_its_reason_and_once(happened: Happened, hook: Any) -> None:
    happened.run(raw)
    assert happened.look() == "looked at 1 runs that ended"
    assert happened.look() == "no run ended since the last look"
    (told,) = happened.told()
    assert told["event"] == "run_failed"
    assert "raw: no such folder" in told["text"]
    assert hook.told[0][1]["text"] == told["text"]


def test_each_code_location_tells_of_its_own_runs_alone(happened: Happened) -> None:
    """Else each that is served would tell of all runs, or one that may not be served tomorrow."""
    other = Happened(happened.store, happened.instance, dataset="coco_panoptic", root="/none")
    happened.run(raw)
    counts = []
    for place in (other, happened, other):
        place.look()
        counts.append(len(happened.told()))
    assert counts == [0, 1, 1]


def test_a_run_without_tags_is_of_the_code_location_that_it_was_launched_in() -> None:
    here, there = SimpleNamespace(location_name="here"), SimpleNamespace(location_name="there")

    def launched(place: Any, **tags: str) -> Any:
        origin = SimpleNamespace(repository_origin=SimpleNamespace(code_location_origin=place))
        return SimpleNamespace(tags=tags, remote_job_origin=origin)

    settings = GraphSettings()
    assert is_of(launched(here), settings, here)
    assert not is_of(launched(there), settings, here)
    assert is_of(launched(there, **settings_tags(settings)), settings, here)
    other = settings_tags(settings) | {"unigs/dataset": "coco_panoptic"}
    assert not is_of(launched(here, **other), settings, here)


def test_what_ended_before_the_sensor_was_there_is_not_told(happened: Happened) -> None:
    happened.run(raw)
    late = Happened(happened.store, happened.instance)
    late.look()
    assert late.told() == []


def test_a_run_that_is_started_again_is_not_told(happened: Happened) -> None:
    happened.run(raw, **{"dagster/will_retry": "true"})
    happened.look()
    assert happened.told() == []


def test_a_refused_model_is_told_though_its_run_succeeded(happened: Happened) -> None:
    (check,) = failed_checks(happened.instance, happened.run(gate))
    assert check == "gate: mean_is_better: not better: -0.01 [-0.02, 0.00]"
    happened.look()
    (told,) = happened.told()
    assert told["event"] == "check_failed"
    assert check in told["text"]


def test_a_run_that_cannot_be_told_keeps_back_no_other(
    happened: Happened, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = happened.run(raw), happened.run(raw)
    real = alerts.send

    def send_second(alert: Alert, log: Path) -> list[str]:
        if alert.run_id == first:
            raise OSError("no space left")
        return real(alert, log)

    monkeypatch.setattr(alerts, "send", send_second)
    happened.look()
    happened.look()
    assert [told["run_id"] for told in happened.told()] == [second]


def test_a_look_that_takes_long_goes_on_where_it_was(
    happened: Happened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dagster drops what a look has told, with its cursor, after a minute."""
    runs = [happened.run(raw) for _ in range(3)]
    real = alerts.send

    def send_slowly(alert: Alert, log: Path) -> list[str]:
        time.sleep(0.2)
        return real(alert, log)

    monkeypatch.setattr(alerts, "send", send_slowly)
    monkeypatch.setattr(alerts, "_LOOK_SECONDS", 0.2)
    for count in (1, 2, 3, 3):
        happened.look()
        assert [told["run_id"] for told in happened.told()] == runs[:count]


def test_records_that_do_not_answer_repeat_no_alert(
    happened: Happened, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    happened.run(raw)
    ask = happened.instance.fetch_run_status_changes

    def fail_second(kind: dg.DagsterEventType, **limits: Any) -> Any:
        if kind is dg.DagsterEventType.RUN_SUCCESS:
            raise OSError(f"database is locked {CANARY}")
        return ask(kind, **limits)

    monkeypatch.setenv(channels.SMTP, f"smtp://me:{CANARY}@host")
    monkeypatch.setattr(happened.instance, "fetch_run_status_changes", fail_second)
    capfd.readouterr()
    said = [happened.look(), happened.look()]
    assert CANARY not in "".join(capfd.readouterr())
    assert len(happened.told()) == 1
    assert all("database is locked ***" in text for text in said)
