"""What the package promises about versions, and what works without the heavy ones."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]

# Environments of their own, with what they need beside the lock.
BESIDE = ("requirements-ray.txt", "requirements-docs.txt", "requirements-server.txt")

# Rooms that must not import torch: the CI runs their tests in an environment without it.
WITHOUT_TORCH = (
    "unigs.colormap",
    "unigs.datasets",
    "unigs.samples.sample",
    "unigs.shards.build",
    "unigs.cli",
)


def pins(name: str) -> dict[str, str]:
    lines = (ROOT / name).read_text().splitlines()
    pinned = (line.split("==") for line in lines if line and not line.startswith("#"))
    return {re.sub(r"[-_.]+", "-", package).lower(): version for package, version in pinned}


def every_pin() -> dict[str, str]:
    found = pins("requirements.lock")
    for name in BESIDE:
        found |= pins(name)
    return found


def test_every_lower_bound_is_tested():
    """By `make test-lowest`, or for the extras of the graph by the whole suite on the lock."""
    lowest = pins("requirements-lowest.txt")
    bounds = dict(entry.split(">=") for entry in PROJECT["dependencies"])
    assert {name: lowest.get(name) for name in bounds} == bounds
    tested = every_pin() | lowest
    for extra in set(EXTRAS) - {"all", "dev", "test"}:
        plain = (re.sub(r"\[.*\]", "", entry) for entry in EXTRAS[extra])
        bounds = dict(re.split("[=>]=", entry) for entry in plain)
        assert {name: tested.get(name) for name in bounds} == bounds


def test_every_dependency_is_locked():
    entries = [*PROJECT["dependencies"], *(entry for extra in EXTRAS.values() for entry in extra)]
    named = {re.split(r"[\[><=]", entry)[0] for entry in entries}
    assert named - {"unigs"} <= set(every_pin())


@pytest.mark.parametrize("name", BESIDE)
def test_pins_of_other_environments_stand_beside_the_lock(name):
    assert pins(name)
    assert not pins(name).keys() & pins("requirements.lock").keys()


@pytest.mark.parametrize("room", WITHOUT_TORCH)
def test_a_room_for_data_does_not_import_torch(room):
    blocked = "import sys; sys.modules.update(torch=None, diffusers=None, transformers=None)"
    result = subprocess.run(
        [sys.executable, "-c", f"{blocked}; import {room}"], capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.slow
def test_the_wheel_of_the_sdist_works_elsewhere(tmp_path):
    """Presets, templates and Dagster's files come along, and nothing is read of the repository."""
    build = "import sys; from setuptools import build_meta as b; print(b.build_{}(sys.argv[1]))"
    source = tmp_path / "source"
    # __pycache__: other tests write there meanwhile
    shutil.copytree(
        ROOT, source,
        ignore=shutil.ignore_patterns(
            ".*", "store", "tests", "build", "dist", "*.egg-info", "__pycache__"
        ),
    )  # fmt: skip

    def built(kind: str, place: Path) -> Path:
        command = [sys.executable, "-c", build.format(kind), str(tmp_path)]
        done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=True)
        return tmp_path / done.stdout.splitlines()[-1]

    sdist = built("sdist", source)
    shutil.unpack_archive(sdist, tmp_path / "sdist")
    (unpacked,) = (tmp_path / "sdist").iterdir()
    wheel = built("wheel", unpacked)
    assert wheel.stat().st_size < 5_000_000
    installed = tmp_path / "installed"
    shutil.unpack_archive(wheel, installed, "zip")
    code = (
        "import unigs; from importlib import metadata; from unigs.config.preset import load_preset;"
        "from pipelines.runner.home import WORKSPACE as w; load_preset('tiny');"
        "print(unigs.__file__, w.is_file(), w.with_name('dagster.yaml').is_file(),"
        "[e.value for e in metadata.entry_points(group='unigs.sources')][0])"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(installed)},
    )  # fmt: skip
    assert found.stdout.split() == [
        str(installed / "unigs" / "__init__.py"), "True", "True",
        "resources.mlflow.resolve:registered_folder",
    ], found.stderr  # fmt: skip
    # the code location of the installed package, from a folder that is no repository
    pytest.importorskip("dagster")
    loaded = subprocess.run(
        [sys.executable, "-m", "dagster", "definitions", "validate", "-m", "pipelines.definitions"],
        cwd=tmp_path, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(installed)},
    )  # fmt: skip
    assert loaded.returncode == 0, loaded.stdout + loaded.stderr


@pytest.mark.parametrize("name", ["dagster.yaml", "workspace.yaml"])
def test_dagster_finds_its_files_at_the_top_too(name: str) -> None:
    """`dagster dev` from a clone reads what the package carries."""
    assert (ROOT / name).read_bytes() == (ROOT / "pipelines" / name).read_bytes()
