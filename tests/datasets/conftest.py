"""Intact copies of every layout, made once."""

import pytest

from tests.datasets.faults import Bench
from tests.datasets.layouts import WRITERS


@pytest.fixture(scope="session")
def benches(tmp_path_factory) -> dict[str, Bench]:
    folder = tmp_path_factory.mktemp("sound")
    return {name: Bench(name, folder) for name in WRITERS}
