"""The sensor and the schedule ask for the right runs, and not twice."""

import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from pipelines.automation.schedules import weekly_retraining
from pipelines.automation.sensors import annotations
from pipelines.build import build_defs
from resources.run_settings import GraphSettings
from resources.store import Store
from unigs.errors import UnigsError

TRAIN, VAL = "coco_panoptic-train", "coco_panoptic-val"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "set" / "annotations"
    folder.mkdir(parents=True)
    for split in ("train", "val"):
        put(folder / f"panoptic_{split}2017.json", "{}")
    return folder.parent


def put(file: Path, text: str) -> None:
    file.write_text(text)
    past = time.time() - 60
    os.utime(file, (past, past))


def tick(root: Path, cursor: str | None, dataset: str = "coco_panoptic"):
    given = "" if dataset == "shapes" else str(root)
    return annotations(
        dg.build_sensor_context(cursor=cursor),
        store=Store(root=str(root.parent / "store")),
        settings=GraphSettings(dataset=dataset, root=given),
    )


def span(result: dg.SensorResult) -> tuple[str, str]:
    (request,) = result.run_requests
    return (
        request.tags["dagster/asset_partition_range_start"],
        request.tags["dagster/asset_partition_range_end"],
    )


def test_first_look_launches_both_splits_and_then_rests(root: Path) -> None:
    first = tick(root, None)
    assert span(first) == (f"{TRAIN}|inpainting", f"{VAL}|entity")
    again = tick(root, first.cursor)
    assert isinstance(again, dg.SkipReason)
    assert "none changed" in again.skip_message


@pytest.mark.parametrize(("split", "batch"), [("train", TRAIN), ("val", VAL)])
def test_a_changed_file_launches_its_split(root: Path, split: str, batch: str) -> None:
    first = tick(root, None)
    put(root / "annotations" / f"panoptic_{split}2017.json", '{"images": []}')
    second = tick(root, first.cursor)
    assert span(second) == (f"{batch}|inpainting", f"{batch}|entity")
    assert second.run_requests[0].run_key != first.run_requests[0].run_key
    assert split in second.run_requests[0].tags["unigs/reason"]


def test_the_same_content_asks_under_the_same_key(root: Path) -> None:
    keys = {tick(root, None).run_requests[0].run_key for _ in range(2)}
    assert len(keys) == 1


def test_the_request_is_one_the_job_accepts(root: Path) -> None:
    (request,) = tick(root, None).run_requests
    job = build_defs().resolve_job_def(request.job_name)
    assert dg.validate_run_config(job, request.run_config)
    settings = request.run_config["resources"]["settings"]["config"]
    assert settings["root"] == str(root)


def test_generated_data_has_nothing_to_watch(root: Path) -> None:
    assert isinstance(tick(root, None, dataset="shapes"), dg.SkipReason)


def test_missing_root_is_told_in_one_line(root: Path) -> None:
    with pytest.raises(UnigsError, match="no such folder"):
        tick(root / "gone", None)


def test_weekly_schedule_runs_everything_once_a_week(root: Path) -> None:
    def request(day: int) -> dg.RunRequest:
        context = dg.build_schedule_context(
            scheduled_execution_time=datetime(2026, 6, day, 3, 0, tzinfo=UTC)
        )
        settings = GraphSettings(dataset="coco_panoptic", root=str(root))
        return weekly_retraining(context, store=Store(root=str(root)), settings=settings)

    assert request(1).run_key == request(1).run_key != request(8).run_key
    assert request(1).tags["dagster/asset_partition_range_start"] == f"{TRAIN}|inpainting"
    assert weekly_retraining.cron_schedule == "0 3 * * 1"
    assert json.dumps(request(1).run_config)
