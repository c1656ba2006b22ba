"""The instance of a store is the one that dagster.yaml describes."""

from pathlib import Path

import dagster as dg
import pytest

from pipelines.runner.home import prepare_home
from resources.store import Store


def test_one_run_at_a_time_and_one_that_trains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("DAGSTER_HOME", "UNIGS_STORE"):
        monkeypatch.setenv(variable, "")
    prepare_home(Store(root=str(tmp_path)))
    with dg.DagsterInstance.get() as instance:
        found = instance.get_concurrency_config()
    assert found.run_queue_config is not None
    assert found.run_queue_config.max_concurrent_runs == 1
    assert found.pool_config.default_pool_limit == 1
    assert found.pool_config.pool_granularity is not None
    assert found.pool_config.pool_granularity.value == "run"
