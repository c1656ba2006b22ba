"""Commands of the Dagster side where it is not installed."""

import sys

import pytest

from unigs.cli.shared import graph
from unigs.cli.shared.graph import graph_command
from unigs.errors import ConfigError


def test_the_command_runs_in_this_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph, "NEEDED", ("json",))
    assert graph_command("pipelines.run", "--json") == [
        sys.executable, "-m", "pipelines.run", "--json",
    ]  # fmt: skip


def test_what_is_missing_is_told_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph, "NEEDED", ("json", "no_such_package"))
    with pytest.raises(ConfigError, match=r"no_such_package not installed.*unigs\[pipeline\]"):
        graph_command("pipelines.run")
