"""Promotion and rollback from the launchpad change what the commands do, and are noted alike."""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from pipelines.build import build_defs
from pipelines.champion_jobs import champion_jobs_of
from resources.mlflow.champion import champion_version, history
from resources.mlflow.tracking import Tracking
from resources.run_settings import GraphSettings
from resources.store import Store

NAME = "unigs-shapes-tiny-joint"
JOBS = champion_jobs_of(GraphSettings())
promote, rollback = JOBS


@pytest.fixture
def tracking(tmp_path: Path) -> Tracking:
    """Of a registry with two versions."""
    tracking = Tracking(store=Store(root=str(tmp_path)))
    client = tracking.client()
    client.create_registered_model(NAME)
    for _ in range(2):
        client.create_model_version(NAME, str(tmp_path))
    return tracking


def run(job: dg.JobDefinition, tracking: Tracking, **given: Any) -> dg.ExecuteInProcessResult:
    (op,) = (node.name for node in job.nodes)
    return job.execute_in_process(
        run_config={"ops": {op: {"config": given}}},
        resources={"tracking": tracking, "settings": GraphSettings()},
        raise_on_error=False,
    )


def test_a_version_is_promoted_and_taken_back(tracking: Tracking) -> None:
    assert run(promote, tracking, version="2").success
    assert run(promote, tracking, version="1", reason="looks better").success
    assert champion_version(tracking, NAME) == "1"
    done = run(rollback, tracking)
    assert done.success
    assert champion_version(tracking, NAME) == "2"
    noted = [(reign.version, reign.by) for reign in history(tracking, NAME)]
    assert noted == [("2", "promote"), ("1", "promote"), ("2", "rollback")]
    first, second, third = (reign.reason for reign in history(tracking, NAME))
    assert second == "looks better"
    assert done.run_id in third
    assert first


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"version": "9"}, "has no version 9"),
        ({"version": "1", "model": "unigs-tiny"}, "no model unigs-tiny"),
    ],
)
def test_what_is_not_there_is_told_and_changes_nothing(
    tracking: Tracking, given: dict[str, str], told: str
) -> None:
    (failure,) = run(promote, tracking, **given).get_step_failure_events()
    error = failure.step_failure_data.error
    assert error is not None
    assert told in f"{error.message} {error.cause}"
    assert champion_version(tracking, NAME) is None


def test_they_are_among_the_jobs_and_say_what_they_take() -> None:
    defs = build_defs()
    for job in JOBS:
        assert defs.resolve_job_def(job.name).description
    (op,) = promote.nodes
    fields = op.definition.config_schema.config_type.fields  # type: ignore[attr-defined]
    assert {name for name, field in fields.items() if field.is_required} == {"version"}
    assert all(field.description for field in fields.values())
