"""The sensor and the schedule ask for the right runs."""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from pipelines.automation.run_history import ARRIVAL, ATTEMPT
from pipelines.automation.schedules import weekly_retraining
from pipelines.automation.sensors import annotations
from pipelines.build import build_defs
from resources.run_settings import GraphSettings
from resources.store import Store
from tests.pipelines.automation.conftest import Clock
from tests.support.runs.arrivals import TRAIN, VAL, Place

TRAIN_BATCH, VAL_BATCH = "coco_panoptic-train", "coco_panoptic-val"
DAY = 86400.0


def span(request: dg.RunRequest) -> tuple[str, str]:
    return (
        request.tags["dagster/asset_partition_range_start"],
        request.tags["dagster/asset_partition_range_end"],
    )


def seen_by_a_run(place: Place) -> None:
    """Have a run of the sensor's succeed."""
    place.queue(place.requested())
    place.end("well")
    assert "none changed since run" in str(place.tick())


def test_the_first_data_launches_both_splits_once_it_stays(place: Place) -> None:
    assert "seen for the first time" in str(place.tick())
    request = place.tick()
    assert isinstance(request, dg.RunRequest)
    assert span(request) == (f"{TRAIN_BATCH}|inpainting", f"{VAL_BATCH}|entity")
    assert "train and val" in request.tags["unigs/reason"]


@pytest.mark.parametrize(("name", "batch"), [(TRAIN, TRAIN_BATCH), (VAL, VAL_BATCH)])
def test_a_changed_file_launches_its_split(place: Place, name: str, batch: str) -> None:
    seen_by_a_run(place)
    place.put(name, '{"images": []}')
    assert span(place.requested()) == (f"{batch}|inpainting", f"{batch}|entity")


@pytest.mark.parametrize("how", ["failed", "cancelled"])
def test_a_run_that_did_not_succeed_is_asked_for_again_under_another_key(
    place: Place, clock: Clock, how: str
) -> None:
    request = place.requested()
    keys = [request.run_key]
    for attempt in (1, 2):
        place.queue(request)
        assert "queued or at work" in str(place.tick())
        place.end(how)
        clock.ahead = 0.0
        assert f"attempt {attempt + 1} in" in str(place.tick())
        clock.ahead = DAY
        again = place.tick()
        assert isinstance(again, dg.RunRequest)
        request = again
        assert request.tags["unigs/attempt"] == str(attempt)
        assert span(request) == (f"{TRAIN_BATCH}|inpainting", f"{VAL_BATCH}|entity")
        keys.append(request.run_key)
    assert len(set(keys)) == 3
    place.queue(request)
    place.end("well")
    assert "none changed since run" in str(place.tick())


def test_failed_data_that_changes_does_not_wait(place: Place, clock: Clock) -> None:
    place.queue(place.requested())
    place.end("failed")
    clock.ahead = 0.0
    place.put(TRAIN, '{"mended": 1}')
    assert place.requested().tags["unigs/attempt"] == "0"


def test_the_same_request_has_the_same_key_when_the_daemon_starts_again(place: Place) -> None:
    first = place.requested()
    place.cursor = None
    again = place.tick()
    assert isinstance(again, dg.RunRequest)
    assert again.run_key == first.run_key


def test_a_fresh_sensor_over_a_store_built_from_this_data_launches_nothing(place: Place) -> None:
    """By hand, say: the run has no tag of the sensor's."""
    request = place.requested()
    tags = {name: value for name, value in request.tags.items() if name not in (ARRIVAL, ATTEMPT)}
    place.run(dg.RunRequest(run_config=request.run_config, tags=tags))
    shutil.rmtree(place.store.base / "sensors")
    place.cursor = None
    assert "seen for the first time" in str(place.tick())
    assert "none changed since run" in str(place.tick())
    place.put(TRAIN, '{"more": 1}')
    assert span(place.requested())[0] == f"{TRAIN_BATCH}|inpainting"


def test_two_runs_may_watch_folders_of_one_name_in_one_store(place: Place, tmp_path: Path) -> None:
    """Neither keeps the other from seeing its files as they were."""
    other = Place(tmp_path / "other", place.instance)
    other.store = place.store
    other.settings = GraphSettings(dataset="coco_panoptic", preset="sd15", root=str(other.root))
    for one in (place, other):
        assert "seen for the first time" in str(one.tick())
    for one in (place, other):
        request = one.tick()
        assert isinstance(request, dg.RunRequest)
        assert request.run_config["resources"]["settings"]["config"]["root"] == one.settings.root


def test_a_run_that_took_part_of_the_data_is_no_proof(place: Place) -> None:
    request = place.requested()
    tags = {**request.tags, "dagster/asset_partition_range_end": f"{TRAIN_BATCH}|entity"}
    tags = {name: value for name, value in tags.items() if "unigs" not in name}
    place.run(dg.RunRequest(run_config=request.run_config, tags=tags))
    assert isinstance(place.tick(), dg.RunRequest)


def test_a_run_of_another_data_set_is_no_proof_and_no_hindrance(place: Place) -> None:
    request = place.requested()
    config = json.loads(json.dumps(request.run_config))
    config["resources"]["settings"]["config"]["root"] = "/elsewhere"
    other = dg.RunRequest(run_key="other", run_config=config, tags=request.tags)
    place.queue(other)
    assert isinstance(place.tick(), dg.RunRequest)


def test_a_change_while_the_run_waits_or_works_is_asked_for_after_it(place: Place) -> None:
    place.queue(place.requested())
    place.put(VAL, '{"later": 1}')
    place.tick()
    assert "queued or at work" in str(place.tick())
    # it begins after the change, and sees it
    place.end("well")
    assert "none changed since run" in str(place.tick())
    place.put(VAL, '{"later": 2}')
    place.queue(place.requested())
    place.end("well")
    place.put(VAL, '{"later": 3}')
    assert span(place.requested())[0] == f"{VAL_BATCH}|inpainting"


def test_data_that_returns_to_an_earlier_state_is_asked_for(place: Place) -> None:
    seen_by_a_run(place)
    first = place.keys[0]
    place.put(TRAIN, '{"other": 1}')
    place.queue(place.requested())
    place.end("well")
    place.put(TRAIN, "{}")
    assert place.requested().run_key != first


def test_what_a_continued_run_had_seen_is_what_its_first_part_saw(place: Place) -> None:
    request = place.requested()
    place.run(request, "failed")
    (broken,) = place.instance.get_runs()
    done = place.instance.create_run_for_job(
        place.job,
        run_config=request.run_config,
        tags=request.tags,
        status=dg.DagsterRunStatus.SUCCESS,
        parent_run_id=broken.run_id,
        root_run_id=broken.run_id,
    )
    assert f"since run {done.run_id[:8]} succeeded" in str(place.tick())


def test_a_deleted_annotation_file_launches_nothing_and_is_told(place: Place) -> None:
    seen_by_a_run(place)
    text = (place.root / TRAIN).read_text()
    (place.root / TRAIN).unlink()
    said = str(place.tick())
    assert "panoptic_train2017.json: the annotations of train are not there: put them" in said
    place.put(TRAIN, text)
    place.tick()
    assert "none changed since run" in str(place.tick())


def test_a_folder_that_is_gone_is_told_in_one_sentence(place: Place) -> None:
    shutil.rmtree(place.root)
    assert f"{place.root}: no such folder: mount it" in str(place.tick())


def test_the_cursor_stays_short(place: Place) -> None:
    for number in range(200):
        place.put(f"train2017/{number}.jpg", "image")
    seen_by_a_run(place)
    assert len(place.cursor or "") < 200


def test_the_request_is_one_the_job_accepts(place: Place) -> None:
    request = place.requested()
    assert request.job_name is not None
    job = build_defs().resolve_job_def(request.job_name)
    assert dg.validate_run_config(job, request.run_config)
    given = request.run_config["resources"]["settings"]["config"]
    assert given["root"] == str(place.root)


def test_generated_data_has_nothing_to_watch(tmp_path: Path) -> None:
    found: Any = annotations(
        dg.build_sensor_context(), store=Store(root=str(tmp_path)), settings=GraphSettings()
    )
    assert "generated" in found.skip_message


def test_weekly_schedule_runs_everything_once_a_week(tmp_path: Path) -> None:
    def request(day: int) -> dg.RunRequest:
        context = dg.build_schedule_context(
            scheduled_execution_time=datetime(2026, 6, day, 3, 0, tzinfo=UTC)
        )
        chosen = GraphSettings(dataset="coco_panoptic", root=str(tmp_path))
        return weekly_retraining(context, store=Store(root=str(tmp_path)), settings=chosen)

    assert request(1).run_key == request(1).run_key != request(8).run_key
    assert request(1).tags["dagster/asset_partition_range_start"] == f"{TRAIN_BATCH}|inpainting"
    assert weekly_retraining.cron_schedule == "0 3 * * 1"
    assert json.dumps(request(1).run_config)
