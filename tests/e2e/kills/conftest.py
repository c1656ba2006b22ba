"""One run that nobody disturbs, whose store the tests disturb one after the other."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.command import write_preset


@pytest.fixture(scope="session")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A preset of seconds."""
    file = tmp_path_factory.mktemp("preset") / "smoke.yaml"
    write_preset(file, {"processes": 1, "steps": 12})
    values = yaml.safe_load(file.read_text())
    values["evaluation"]["train_scenes"] = 4
    file.write_text(yaml.safe_dump(values))
    return file


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory, smoke: Path) -> Path:
    """A store after a run that nobody disturbed."""
    from tests.e2e.kills.command import Command

    folder = tmp_path_factory.mktemp("store")
    Command(folder, smoke).end(0)
    return folder


@pytest.fixture(scope="session")
def undisturbed(store: Path) -> dict[str, Any]:
    """What a run that nobody disturbed has built, by folder."""
    from tests.e2e.kills.command import records

    return records(store)
