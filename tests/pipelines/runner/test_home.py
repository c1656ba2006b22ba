"""The instance of a store is the one that dagster.yaml describes."""

from pathlib import Path

import dagster as dg
import pytest

from pipelines.runner.home import prepare_home
from resources.store import Store


def test_a_pool_lets_one_run_train_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("DAGSTER_HOME", "UNIGS_STORE"):
        monkeypatch.setenv(variable, "")
    prepare_home(Store(root=str(tmp_path)))
    with dg.DagsterInstance.get() as instance:
        config = instance.event_log_storage.get_pool_config()
    assert config.default_pool_limit == 1
    assert config.pool_granularity is not None
    assert config.pool_granularity.value == "run"
