"""The doors between the rooms (`[tool.importlinter]` of pyproject.toml) hold, and a broken one
fails `make lint`."""

import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("pipelines", "assets_defs", "resources", "unigs")

pytest.importorskip("importlinter")


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("doors")
    shutil.copy(ROOT / "pyproject.toml", folder)
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__", "*.s*")
        )
    return folder


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()"]
    without = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [*command, "--no-cache"], cwd=folder, env=without, capture_output=True, text=True
    )


def test_every_door_holds(copy):
    result = lint(copy)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("module", "line", "told"),
    [
        ("unigs/errors.py", "import dagster", "unigs is not allowed to import dagster"),
        ("unigs/errors.py", "from mlflow import log_metric", "not allowed to import mlflow"),
        ("unigs/errors.py", "import resources", "unigs is not allowed to import resources"),
        (
            "unigs/samples/sample.py",
            "import unigs.shards.build",
            "samples is not allowed to import",
        ),
        ("unigs/training/loop.py", "import unigs.workflows.ports", "training is not allowed to"),
        ("unigs/samples/options.py", "import unigs.samples.sample", "No cycles are allowed"),
        ("assets_defs/__init__.py", "import pipelines", "not allowed to import pipelines"),
        ("resources/__init__.py", "import assets_defs", "not allowed to import assets_defs"),
    ],
)
def test_a_broken_door_fails_and_is_named(copy, module, line, told):
    file = copy / module
    whole = file.read_text()
    file.write_text(f"{whole}\n{line}\n")
    try:
        result = lint(copy)
    finally:
        file.write_text(whole)
    assert result.returncode == 1
    assert told in result.stdout


@pytest.mark.parametrize("package", PACKAGES)
def test_files_are_short(package: str) -> None:
    long = {
        file.relative_to(ROOT).as_posix(): lines
        for file in (ROOT / package).rglob("*.py")
        if (lines := len(file.read_text(encoding="utf-8").splitlines())) > 300
    }
    assert not long


def test_rooms_of_the_library_are_small() -> None:
    """Formats of data sets and decoders are many, and each is a file."""
    library = ROOT / "unigs"
    apart = {library / name for name in ("colormap", "datasets")}
    files = [file for file in library.rglob("*.py") if file.name != "__init__.py"]
    counts = Counter(file.parent for file in files if file.parent not in apart)
    assert not {folder.name: count for folder, count in counts.items() if count > 14}
