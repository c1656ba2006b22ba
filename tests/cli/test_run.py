"""What `unigs run` hands to the process that runs the graph."""

import os
import signal
import subprocess
from typing import Any

import pytest
from typer.testing import CliRunner

from unigs import cli
from unigs.cli.shared import graph


@pytest.mark.parametrize(
    ("arguments", "told"), [([], "from outside"), (["--launcher", "ray"], "ray")]
)
def test_the_launcher_is_the_options_else_the_environments(
    arguments: list[str], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[dict[str, str]] = []

    class Process:
        pid = 7

        def __init__(self, command: list[str], env: dict[str, str], **options: Any) -> None:
            started.append(env)

        def wait(self) -> int:
            return 0

    ended: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "killpg", lambda *given: ended.append(given))
    monkeypatch.setattr(graph, "NEEDED", ())
    monkeypatch.setenv("UNIGS_LAUNCHER", "from outside")
    monkeypatch.setattr(subprocess, "Popen", Process)
    if not cli.app.registered_commands:
        cli._register()
    result = CliRunner().invoke(cli.app, ["run", *arguments])
    assert result.exit_code == 0, result.output
    assert started[0]["UNIGS_LAUNCHER"] == told
    # nothing of the run outlives it
    assert ended == [(7, signal.SIGKILL)]
