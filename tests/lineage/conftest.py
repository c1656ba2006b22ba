"""A store with one trained model, and the same with a second one for tests that change it."""

import shutil
from pathlib import Path

import pytest

from tests.support.runs.small_store import SmallStore


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> SmallStore:
    """Not to be changed."""
    store = SmallStore(tmp_path_factory.mktemp("small") / "store")
    store.data()
    store.train()
    store.trace()
    return store


@pytest.fixture
def store(trained: SmallStore, tmp_path: Path) -> SmallStore:
    """A copy."""
    shutil.copytree(trained.base, tmp_path / "store")
    copy = object.__new__(SmallStore)
    copy.base, copy.run, copy.versions = tmp_path / "store", trained.run, trained.versions
    return copy
