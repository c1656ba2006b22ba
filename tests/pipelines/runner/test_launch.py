"""What stands on Dagster's private parts is one file, and an upgrade does not go unnoticed."""

import re
import sys
from pathlib import Path

import dagster as dg
import pytest

from assets_defs.shards import DATA_VERSION_TAG
from pipelines.automation.requests import run_config
from pipelines.runner import launch
from resources.run_settings import GraphSettings
from resources.store import STORE_VARIABLE, Store
from unigs.errors import ConfigError

ROOT = Path(__file__).parents[3]
PRIVATE = re.compile(r"^\s*(?:from|import)\s+dagster(?:\.\w+)*\._", re.MULTILINE)


def test_one_file_alone_imports_private_modules() -> None:
    folders = ("unigs", "resources", "assets_defs", "pipelines", "benchmarks", "tests")
    files = [file for folder in folders for file in (ROOT / folder).rglob("*.py")]
    found = [file for file in files if PRIVATE.search(file.read_text(encoding="utf-8"))]
    assert found == [Path(launch.__file__)]


def test_it_was_tried_with_the_installed_version() -> None:
    assert dg.__version__ == launch.DAGSTER, (
        "dagster was upgraded: run `make test-e2e` (launch, re-execution from failure, Ctrl-C, "
        "kill -9), look whether a public way has come, then raise DAGSTER in "
        "pipelines/runner/launch.py"
    )


def test_another_dagster_without_them_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dagster._core.workspace.load_target", None)
    monkeypatch.delitem(sys.modules, "pipelines.runner.launch")
    with pytest.raises(ConfigError, match=rf"install dagster=={launch.DAGSTER}"):
        __import__("pipelines.runner.launch")


def test_a_run_goes_on_in_the_store_where_it_lies_now() -> None:
    settings = {"config": {"dataset": "shapes"}}
    old = {"store": {"config": {"root": "/old", "bucket": "s3://b"}}, "settings": settings}
    found = launch.in_store({"resources": old}, "/new")["resources"]
    assert found == {
        "store": {"config": {"root": "/new", "bucket": "s3://b"}},
        "settings": settings,
    }
    assert launch.in_store({}, "")["resources"] == {"store": {"config": {"root": ""}}}


def test_a_run_does_not_name_the_store_that_the_process_works_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def root() -> str:
        config = run_config(Store(root=str(tmp_path)), GraphSettings())
        return config["resources"]["store"]["config"]["root"]

    monkeypatch.setenv(STORE_VARIABLE, str(tmp_path))
    assert root() == ""
    monkeypatch.setenv(STORE_VARIABLE, str(tmp_path / "other"))
    assert root() == str(tmp_path)


def test_the_tag_of_data_versions_is_the_one_that_dagster_writes() -> None:
    @dg.asset
    def versioned() -> dg.MaterializeResult:
        return dg.MaterializeResult(data_version=dg.DataVersion("of its own"))

    (event,) = dg.materialize([versioned]).asset_materializations_for_node("versioned")
    assert event.tags is not None
    assert event.tags[DATA_VERSION_TAG] == "of its own"
