"""The instance of a store is the one that dagster.yaml describes."""

from pathlib import Path

import dagster as dg
import pytest

from pipelines.runner.home import YAML_VARIABLE, prepare_home
from resources.store import Store
from unigs.errors import ConfigError


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


@pytest.fixture
def other_yaml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for variable in ("DAGSTER_HOME", "UNIGS_STORE"):
        monkeypatch.setenv(variable, "")
    file = tmp_path / "other.yaml"
    monkeypatch.setenv(YAML_VARIABLE, str(file))
    return file


def test_the_environment_names_another_dagster_yaml(tmp_path: Path, other_yaml: Path) -> None:
    other_yaml.write_text("concurrency: {runs: {max_concurrent_runs: 7}}")
    home = prepare_home(Store(root=str(tmp_path / "store")))
    with dg.DagsterInstance.from_config(str(home)) as instance:
        queue = instance.get_concurrency_config().run_queue_config
    assert queue is not None
    assert queue.max_concurrent_runs == 7
    # as where a container mounts it: it is not written again
    (home / "dagster.yaml").chmod(0o444)
    before = (home / "dagster.yaml").stat().st_mtime_ns
    prepare_home(Store(root=str(tmp_path / "store")))
    assert (home / "dagster.yaml").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "no such file"),
        ("storage: {postgres: {postgres_url: {env: UNIGS_NOT_SET}}}", "UNIGS_NOT_SET|server"),
        (
            "storage: {custom: {module: no_such_package, class: Storage, config: {}}}",
            r"no_such_package.*pip install 'unigs\[server\]'",
        ),
    ],
)
def test_records_that_cannot_be_opened_are_one_line(
    tmp_path: Path, other_yaml: Path, text: str | None, said: str
) -> None:
    if text is not None:
        other_yaml.write_text(text)
    with pytest.raises(ConfigError, match=said):
        prepare_home(Store(root=str(tmp_path / "store")))
