import json
import shutil
import subprocess
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from unigs.cli.operate.compare import compare
from unigs.cli.shared import graph
from unigs.errors import ConfigError, DataError


@pytest.fixture(autouse=True)
def with_the_graph(monkeypatch):
    """The process that fetches versions, which takes Dagster and MLflow, is replaced here."""
    monkeypatch.setattr(graph, "NEEDED", ())


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


def test_a_version_is_compared_by_what_the_gate_kept(folders, tmp_path, monkeypatch):
    asked = []

    def fetch(command, **options):
        asked.append(command)
        out = Path(command[command.index("--out") + 1])
        shutil.copytree(folders[1].parent, out)
        curves = {"loss": [[20, 0.5], [40, 0.25]]}
        told = {"name": "m/3", "shards": None, "evaluated_on": "a", "curves": curves}
        said = json.dumps(told)
        return subprocess.CompletedProcess(command, 0, stdout=f"fetched\n{said}\n")

    monkeypatch.setattr("unigs.cli.operate.compare.subprocess.run", fetch)
    page = tmp_path / "page.html"
    given = (folders[0].parent, "champion", "--out", page, "--store", tmp_path, "--json")
    result = run(*given)
    (command,) = asked
    assert command[2:4] == ["pipelines.evaluations", "champion"]
    assert command[-2:] == ["--store", str(tmp_path)]
    assert json.loads(result.stdout.splitlines()[-1])["tasks"]["referring"]["miou"]["first"] == 1
    text = page.read_text("utf-8")
    assert "m/3: from 0.500 at step 20 to 0.250 at step 40" in text


def test_losses_lie_beside_the_model_of_a_folder(folders, tmp_path):
    from unigs.comparison.curves import LOSSES, LossRecord, note_model

    LossRecord(tmp_path / "trained" / LOSSES, resumed=False)(20, {"loss": 0.5})
    (tmp_path / "trained" / "model").mkdir()
    first = shutil.copytree(folders[0], tmp_path / "first")
    note_model(first, tmp_path / "trained" / "model")
    page = tmp_path / "page.html"
    run(first, folders[1], "--out", page, "--names", "new,old")
    text = page.read_text("utf-8")
    assert "new: from 0.500 at step 20" in text
    assert "No losses of the training of old: its evaluation does not name its model." in text


def test_an_unknown_version_ends_with_1(folders, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "unigs.cli.operate.compare.subprocess.run",
        lambda command, **options: subprocess.CompletedProcess(command, 1, stdout=""),
    )
    page = tmp_path / "page.html"
    assert run(folders[0].parent, "nowhere/7", "--out", page).exit_code == 1
    assert not page.exists()


def test_versions_of_other_shards_are_not_compared(folders, tmp_path, monkeypatch):
    versions = iter("ab")

    def fetch(command, **options):
        said = {
            "name": "m/3", "shards": None, "evaluated_on": next(versions), "curves": {},
        }  # fmt: skip
        return subprocess.CompletedProcess(command, 0, stdout=json.dumps(said))

    monkeypatch.setattr("unigs.cli.operate.compare.subprocess.run", fetch)
    with pytest.raises(ConfigError, match="other shards"):
        run("m/3", "m/4", "--out", tmp_path / "page.html")
