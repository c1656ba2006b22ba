"""What the package promises about versions, and what works without the heavy ones."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

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
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def test_every_lower_bound_is_the_one_that_is_tested():
    bounds = dict(entry.split(">=") for entry in PROJECT["dependencies"])
    lowest = pins("requirements-lowest.txt")
    assert {name: lowest.get(name) for name in bounds} == bounds


def test_every_dependency_is_locked():
    extras = [name for extra in PROJECT["optional-dependencies"].values() for name in extra]
    named = {re.split(r"[\[><=]", entry)[0] for entry in PROJECT["dependencies"] + extras}
    locked = {re.sub(r"[-_.]+", "-", name).lower() for name in pins("requirements.lock")}
    assert named - {"unigs"} <= locked


@pytest.mark.parametrize("room", WITHOUT_TORCH)
def test_a_room_for_data_does_not_import_torch(room):
    blocked = "import sys; sys.modules.update(torch=None, diffusers=None, transformers=None)"
    result = subprocess.run(
        [sys.executable, "-c", f"{blocked}; import {room}"], capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
