"""What a run prints to be typed next works whether or not the environment is activated."""

import sys

from pipelines.runner.programs import called


def test_a_name_where_the_shell_finds_it_and_else_a_path(tmp_path, monkeypatch):
    mine, other = tmp_path / "mine", tmp_path / "other"
    for folder in (mine, other):
        folder.mkdir()
        for name in ("python", "unigs"):
            (folder / name).touch(mode=0o755)
    monkeypatch.setattr(sys, "executable", str(mine / "python"))
    monkeypatch.setenv("PATH", f"{mine}:{other}")
    assert (called("python"), called("unigs")) == ("python", "unigs")
    monkeypatch.setenv("PATH", f"{other}:{mine}")
    assert called("unigs") == str(mine / "unigs")
    monkeypatch.setenv("PATH", "")
    assert called("python") == str(mine / "python")
