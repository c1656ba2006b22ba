"""A data set with a sensor, whose clock a test sets."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


class Clock:
    """The sensor's: a minute later at each look, and moved by ``ahead`` seconds as a test says."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        self.ahead += 60.0
        return time.time() + self.ahead


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    from pipelines.automation import sensors

    clock = Clock()
    monkeypatch.setattr(sensors, "time", clock)
    return clock


@pytest.fixture
def place(tmp_path: Path, clock: Clock) -> Iterator[Any]:
    import dagster as dg

    from tests.support.runs.arrivals import Place

    with dg.DagsterInstance.ephemeral() as instance:
        yield Place(tmp_path, instance)
