import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from unigs.cli.operate.compare import compare
from unigs.errors import ConfigError, DataError


def run(*arguments):
    alone = typer.Typer()
    alone.command()(compare)
    result = CliRunner().invoke(alone, [str(part) for part in arguments], catch_exceptions=True)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_all_tasks_of_two_models(folders, tmp_path):
    page = tmp_path / "page.html"
    result = run(folders[0].parent, folders[1].parent, "--out", page, "--json")
    found = json.loads(result.stdout.splitlines()[-1])
    assert found["bytes"] == page.stat().st_size
    miou = found["tasks"]["referring"]["miou"]
    assert miou["first"] == 1
    assert miou["ci_low"] <= miou["difference"] <= miou["ci_high"]
    text = page.read_text("utf-8")
    assert "truth" in text
    assert "blurred" in text


def test_names_and_one_task(folders, tmp_path):
    page = tmp_path / "page.html"
    result = run(*folders, "--out", page, "--names", "new,old", "--images", 1)
    assert result.stdout.splitlines()[0].startswith("referring miou: 1.0000 and 0.")
    assert "new and old" in page.read_text("utf-8")


def test_wrong_use_is_one_line(folders, tmp_path):
    page = tmp_path / "page.html"
    with pytest.raises(ConfigError, match="give two names"):
        run(*folders, "--out", page, "--names", "one")
    with pytest.raises(DataError, match="no evaluation there"):
        run(folders[0], tmp_path, "--out", page)
    with pytest.raises(DataError, match="no task in common"):
        run(folders[0], folders[1].parent, "--out", page)
    assert not Path(page).exists()
