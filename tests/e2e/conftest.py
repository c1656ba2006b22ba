"""Fixtures of the end-to-end tests."""

from pathlib import Path

import pytest

from tests.e2e.command import write_preset


@pytest.fixture(scope="session")
def preset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A preset file of a few seconds of training, named ``smoke``."""
    return write_preset(tmp_path_factory.mktemp("preset") / "smoke.yaml")
